(** Theorem 4.3: diversity collapses at perfection.

    The paper: at a perfect policy, each plain SGD step of policy gradient moves the policy, in
    expectation, away from the uniform choice among the correct next nodes (KL divergence).
    Here: it does not fall, for every graph, horizon and step size, from one episode or from a
    batch of independent ones toward one target.  Softmax is over a set of nodes per row (logits
    of the others minus infinity, as perfection demands: T4_2 has that a policy that can stay
    where it is does not always succeed); perfect means that every episode of positive
    probability is correct, so that none times out.  For any finite space of mean-zero changes
    it rises strictly when some possible change is not the same for all nodes of the softmax.
    Left out: time-outs, momentum, Adam, the size of the rise, strictness for episodes. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning Exponential Episodes.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** KL divergence of the policy [q] of a row from the uniform choice among [C]. *)
Definition divergence (R : realFieldType) (E : exponential R) (V : finType) (C : {set V})
    (q : V -> R) : R :=
  \sum_(k in C) (#|C|%:R)^-1 * lg E ((#|C|%:R)^-1 / q k).

(** Over a finite probability space: a change of logits with mean 0 does not lower the divergence. *)
Definition convexity : Prop :=
  forall (R : realFieldType) (E : exponential R) (V Omega : finType) (w : Omega -> R)
    (C S : {set V}) (f : V -> R) (D : Omega -> V -> R),
  (forall o, 0 <= w o) -> \sum_o w o = 1 -> C != set0 -> C \subset S ->
  (forall k, k \in S -> \sum_o w o * D o k = 0) ->
  divergence E C (softmax_on E S f)
    <= \sum_o w o * divergence E C (softmax_on E S (fun k => f k + D o k)).

(** A policy with a set of possible next nodes in each row. *)
Definition policy_on (R : realFieldType) (E : exponential R) (V : finType) (S : V -> {set V})
    (f : V -> V -> R) := fun j => softmax_on E (S j) (f j).

(** The expected score is 0: the logits are a martingale, whatever the graph and horizon. *)
Definition martingale : Prop :=
  forall (R : realFieldType) (V : finType) (i : V) (q : V -> V -> R) (h : nat) (j k s : V),
  stochastic q -> expect i q h s (score q j k s) = 0.

Theorem martingale_holds : martingale.
Proof. by move=> R V i q h j k s law; apply: expect_score. Qed.

(** Every episode of positive probability is correct; so none times out. *)
Definition perfect (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R)
    (h : nat) (s : V) : Prop := forall u, possible i q h s u -> correct A i s u.

(** At perfection the expected update is 0. *)
Definition no_drift_at_perfection : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat)
    (j k s : V), stochastic q -> perfect A i q h s ->
  expect i q h s (fun u => (correct A i s u)%:R * score q j k s u) = 0.

Theorem no_drift_at_perfection_holds : no_drift_at_perfection.
Proof.
move=> R V A i q h j k s law right; rewrite -(expect_score i law h j k s).
by apply: (mean_ext (expect_mean i law h s)) => u /right->; rewrite mul1r.
Qed.

(** One step of size [eta] from one sampled episode: the divergence does not fall in the mean. *)
Definition divergence_does_not_fall : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
    (S : V -> {set V}) (f : V -> V -> R) (h : nat) (j s : V) (eta : R) (C : {set V}),
  (forall x, S x != set0) -> perfect A i (policy_on E S f) h s ->
  C = [set k | is_next A i j k] -> C != set0 -> C \subset S j ->
  divergence E C (policy_on E S f j) <= expect i (policy_on E S f) h s (fun u =>
    divergence E C (softmax_on E (S j) (fun k =>
      f j k + eta * ((correct A i s u)%:R * score (policy_on E S f) j k s u)))).

Section Convexity.
Variables (R : realFieldType) (E : exponential R) (V : finType) (C S : {set V}).
Hypotheses (some : C != set0) (inside : C \subset S).

Lemma divergence_logits f : divergence E C (softmax_on E S f) =
  lg E (#|C|%:R)^-1 + lse E S f - \sum_(k in C) (#|C|%:R)^-1 * f k.
Proof.
have size_gt0 : (0 : R) < (#|C|%:R)^-1 by rewrite invr_gt0 ltr0n card_gt0.
have weights : \sum_(k in C) (#|C|%:R : R)^-1 = 1.
  by rewrite sumr_const -[LHS]mulr_natr mulVf // pnatr_eq0 -lt0n card_gt0.
rewrite /divergence -[X in _ = X - _]mul1r -[X in _ = X * _ - _]weights mulr_suml -sumrB.
apply: eq_bigr => k k_in; have k_S := subsetP inside k k_in.
rewrite (softmax_on_ex E k_S) // -exN lgM ?ex_gt0 // exK.
by rewrite -mulrBr opprB addrA.
Qed.

(** How fast the divergence changes along [D]. *)
Definition slope f D : R :=
  \sum_(m in S) softmax_on E S f m * D m - \sum_(k in C) (#|C|%:R)^-1 * D k.

(** The divergence lies above its tangent, as log-sum-exp does. *)
Lemma divergence_tangent f D : divergence E C (softmax_on E S f) + slope f D
    <= divergence E C (softmax_on E S (fun k => f k + D k))
    ?= iff [forall m in S, D m == \sum_(m in S) softmax_on E S f m * D m].
Proof.
have /set0Pn[k0 k0_C] := some; have k0_S := subsetP inside k0 k0_C.
rewrite !divergence_logits /slope.
have -> : \sum_(k in C) (#|C|%:R)^-1 * (f k + D k) =
    \sum_(k in C) (#|C|%:R)^-1 * f k + \sum_(k in C) (#|C|%:R)^-1 * D k.
  by rewrite -big_split; apply: eq_bigr => k _; rewrite mulrDr.
have shuffle (a b x y z : R) : a + b - x + (y - z) = a + (b + y) - (x + z) by ring.
have [below same] := lse_tangent E k0_S f D.
by rewrite shuffle; split; rewrite ?ler_add2r ?ler_add2l // !(inj_eq (addIr _)) (inj_eq (addrI _)).
Qed.

Section AnyMean.
Variables (T : Type) (P : T -> bool) (L : (T -> R) -> R) (f : V -> R) (D : T -> V -> R).
Hypotheses (isL : mean P L) (still : forall k, k \in S -> L (fun o => D o k) = 0).

Lemma mean_tangent : L (fun o => divergence E C (softmax_on E S f) + slope f (D o))
  = divergence E C (softmax_on E S f).
Proof.
set d := divergence E C _; pose G1 o := \sum_(m in S) softmax_on E S f m * D o m.
pose G2 o := \sum_(k in C) (#|C|%:R)^-1 * D o k.
have -> : L (fun o => d + slope f (D o)) = L (fun o => 1 * G1 o + (-1 * G2 o + d)).
  by apply: (mean_ext isL) => o _; rewrite /slope mulN1r mul1r (addrC d) addrA.
rewrite !(mean_lin isL) (mean_const isL) !(mean_sum isL) !big1 ?mulr0 ?add0r // => k k_in.
  by rewrite still ?mulr0 // (subsetP inside).
by rewrite still ?mulr0.
Qed.

(** The heart, for every kind of mean. *)
Lemma mean_divergence : divergence E C (softmax_on E S f)
  <= L (fun o => divergence E C (softmax_on E S (fun k => f k + D o k))).
Proof. by rewrite -{1}mean_tangent; apply: (mean_le isL) => o _; apply: divergence_tangent. Qed.

Lemma mean_divergence_lt o k k' : P o -> k \in S -> k' \in S -> D o k != D o k' ->
  divergence E C (softmax_on E S f)
    < L (fun o => divergence E C (softmax_on E S (fun k => f k + D o k))).
Proof.
move=> can k_in k'_in differ; rewrite -{1}mean_tangent.
apply: (mean_lt isL _ can) => [o' _|]; first exact: divergence_tangent.
rewrite (lt_leif (divergence_tangent f (D o))).
by apply: contra differ => /forall_inP same; rewrite (eqP (same k k_in)) (eqP (same k' k'_in)).
Qed.
End AnyMean.
End Convexity.

Lemma policy_on_law (R : realFieldType) (E : exponential R) (V : finType) (S : V -> {set V})
    (f : V -> V -> R) : (forall x, S x != set0) -> stochastic (policy_on E S f).
Proof.
move=> rows x; have /set0Pn[k0 k0_S] := rows x; rewrite /policy_on; split=> [k|].
  rewrite /softmax_on; case: ifP => // _.
  by rewrite divr_ge0 ?ltW ?ex_gt0 ?(sum_on_gt0 E k0_S).
rewrite (bigID (fun k => k \in S x)) /= (softmax_on_sum E k0_S).
rewrite [X in _ + X]big1 ?addr0 // => k /negPf out.
by rewrite /softmax_on out.
Qed.

Theorem divergence_does_not_fall_holds : divergence_does_not_fall.
Proof.
move=> R E V A i S f h j s eta C rows right _ some inside.
set q := policy_on E S f in right *.
have law : stochastic q by apply: policy_on_law.
apply: (mean_divergence E some inside (f j) (expect_mean i law h s)) => k _ /=.
have := expect_lin i q h s eta (fun u => (correct A i s u)%:R * score q j k s u) (fun=> 0).
rewrite no_drift_at_perfection_holds // mulr0 expect_const // addr0 => <-.
by apply: (mean_ext (expect_mean i law h s)) => u _; rewrite addr0.
Qed.

Lemma finite_mean (R : realFieldType) (Omega : finType) (w : Omega -> R) :
  (forall o, 0 <= w o) -> \sum_o w o = 1 ->
  mean (fun o => 0 < w o) (fun F => \sum_o w o * F o).
Proof.
move=> pos one; have step F G o : (0 < w o -> F o <= G o) -> w o * F o <= w o * G o.
  have := pos o; rewrite le_eqVlt => /orP[/eqP<- _|can below]; first by rewrite !mul0r.
  by rewrite ler_pmul2l ?below.
split=> [a F G|c|F G below|F G o below can less].
- by rewrite mulr_sumr -big_split; apply: eq_bigr => o _ /=; rewrite mulrDr mulrCA.
- by rewrite -mulr_suml one mul1r.
- by apply: ler_sum => o _; apply/step/below.
rewrite (bigD1 o) //= [X in _ < X](bigD1 o) //=; apply: ltr_le_add.
  by rewrite ltr_pmul2l.
by apply: ler_sum => o' _; apply/step/below.
Qed.

Theorem convexity_holds : convexity.
Proof.
move=> R E V Omega w C S f D pos one some inside still.
exact: (mean_divergence E some inside f (finite_mean pos one) still).
Qed.

(** It rises strictly when some possible change is not the same for all nodes of the softmax. *)
Definition strict_convexity : Prop :=
  forall (R : realFieldType) (E : exponential R) (V Omega : finType) (w : Omega -> R)
    (C S : {set V}) (f : V -> R) (D : Omega -> V -> R) (o : Omega) (k k' : V),
  (forall o, 0 <= w o) -> \sum_o w o = 1 -> C != set0 -> C \subset S ->
  (forall k, k \in S -> \sum_o w o * D o k = 0) ->
  0 < w o -> k \in S -> k' \in S -> D o k != D o k' ->
  divergence E C (softmax_on E S f)
    < \sum_o w o * divergence E C (softmax_on E S (fun k => f k + D o k)).

Theorem strict_convexity_holds : strict_convexity.
Proof.
move=> R E V Omega w C S f D o k k' pos one some inside still.
exact: (mean_divergence_lt E some inside f (finite_mean pos one) still).
Qed.

(** The mean over a batch: one episode from each of the sources [ss], drawn independently. *)
Fixpoint batch_expect (R : realFieldType) (V : finType) (i : V) (q : V -> V -> R) (h : nat)
    (ss : seq V) (F : seq (seq V) -> R) : R :=
  if ss is s :: ss' then expect i q h s (fun u =>
    batch_expect i q h ss' (fun us => F (u :: us))) else F [::].

(** The batches of positive probability. *)
Fixpoint batch_possible (R : realFieldType) (V : finType) (i : V) (q : V -> V -> R) (h : nat)
    (ss : seq V) (us : seq (seq V)) : bool :=
  match ss, us with
  | s :: ss', u :: us' => possible i q h s u && batch_possible i q h ss' us'
  | [::], [::] => true
  | _, _ => false
  end.

(** What a batch adds to entry [(j, k)] for a step size 1: the sum of reward times score. *)
Definition batch_ascent (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R)
    (j k : V) (ss : seq V) (us : seq (seq V)) : R :=
  \sum_(b <- zip ss us) (correct A i b.1 b.2)%:R * score q j k b.1 b.2.

(** The same for a batch: a step of size [eta], divided by the size of the batch. *)
Definition batch_does_not_lower : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
    (S : V -> {set V}) (f : V -> V -> R) (h : nat) (j : V) (ss : seq V) (eta : R) (C : {set V}),
  (forall x, S x != set0) -> (forall s, s \in ss -> perfect A i (policy_on E S f) h s) ->
  C = [set k | is_next A i j k] -> C != set0 -> C \subset S j ->
  divergence E C (policy_on E S f j) <= batch_expect i (policy_on E S f) h ss (fun us =>
    divergence E C (softmax_on E (S j) (fun k =>
      f j k + eta / (size ss)%:R * batch_ascent A i (policy_on E S f) j k ss us))).

Section Batch.
Variables (R : realFieldType) (V : finType) (i : V) (q : V -> V -> R) (h : nat).
Hypothesis law : stochastic q.

Lemma batch_mean ss : mean (batch_possible i q h ss) (batch_expect i q h ss).
Proof.
elim: ss => [|s ss IH] /=.
  split=> [//|//|F G below|F G us below]; first exact: below.
  by case: us.
have isL := expect_mean i law h s.
split=> [a F G|c|F G below|F G us below].
- by rewrite -(mean_lin isL); apply: (mean_ext isL) => u _; rewrite (mean_lin IH).
- by rewrite -[RHS](mean_const isL); apply: (mean_ext isL) => u _; rewrite (mean_const IH).
- apply: (mean_le isL) => u can; apply: (mean_le IH) => us cans.
  by apply: below; rewrite can.
case: us => [//|u us] /andP[can cans] less.
apply: (mean_lt isL _ can) => [u' can'|].
  by apply: (mean_le IH) => us' cans'; apply: below; rewrite can'.
by apply: (mean_lt IH _ cans) => // us' cans'; apply: below; rewrite can.
Qed.

Lemma batch_no_drift (A : rel V) j k ss : (forall s, s \in ss -> perfect A i q h s) ->
  batch_expect i q h ss (batch_ascent A i q j k ss) = 0.
Proof.
elim: ss => [|s ss IH] right /=; first by rewrite /batch_ascent big_nil.
have isL := expect_mean i law h s; have isB := batch_mean ss.
rewrite -[RHS](no_drift_at_perfection_holds j k law (right s (mem_head _ _))).
apply: (mean_ext isL) => u _; set c := _ * _.
have -> : batch_expect i q h ss (fun us => batch_ascent A i q j k (s :: ss) (u :: us)) =
    batch_expect i q h ss (fun us => 1 * batch_ascent A i q j k ss us + c).
  by apply: (mean_ext isB) => us _; rewrite /batch_ascent /= big_cons mul1r addrC.
rewrite (mean_lin isB) (mean_const isB) IH ?mulr0 ?add0r // => s' s'_in.
by apply: right; rewrite inE s'_in orbT.
Qed.
End Batch.

Theorem batch_does_not_lower_holds : batch_does_not_lower.
Proof.
move=> R E V A i S f h j ss eta C rows right _ some inside.
set q := policy_on E S f in right *; have law : stochastic q by apply: policy_on_law.
have isB := batch_mean i h law ss.
apply: (mean_divergence E some inside (f j) isB) => k _.
rewrite -[RHS](mulr0 (eta / (size ss)%:R)) -(batch_no_drift law j k right) -[RHS]addr0.
rewrite -[X in _ + X](mean_const isB 0) -(mean_lin isB).
by apply: (mean_ext isB) => us _; rewrite addr0.
Qed.

(** Wrong: the update has mean 0 whenever no possible step is wrong; where an episode can time
    out, and earn nothing, it has not. *)
Definition wrong_with_timeouts : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat)
    (j k s : V), stochastic q -> (forall x m, x != i -> q x m != 0 -> is_next A i x m) ->
  expect i q h s (fun u => (correct A i s u)%:R * score q j k s u) = 0.

Theorem wrong_with_timeouts_fails : ~ wrong_with_timeouts.
Proof.
(* From [false], one may step onto the target [true] or stay; there is time for one step. *)
pose A : rel bool := fun _ _ => true; pose half (_ _ : bool) : rat := 2%:R^-1.
have law : stochastic half by move=> x; split=> //; rewrite big_bool.
have next x m : is_next A true x m by apply: connect1.
move=> /(_ _ _ A true half 1%N false true false law (fun x m _ _ => next x m)).
by rewrite /= big_bool.
Qed.

(** Wrong: every change of the logits raises the divergence; from a policy that is not uniform,
    the change back to uniform lowers it. *)
Definition wrong_every_change_raises (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (C S : {set V}) (f D : V -> R), C != set0 -> C \subset S ->
  divergence E C (softmax_on E S f) <= divergence E C (softmax_on E S (fun k => f k + D k)).

Theorem wrong_every_change_raises_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_every_change_raises E.
Proof.
pose f (k : bool) : R := k%:R; pose flat (k : bool) : R := 0.
have some : [set: bool] != set0 by apply/set0Pn; exists true.
move=> /(_ _ _ [set: bool] f (fun k => - f k) some (subsetT _)); apply/negP; rewrite -ltNge.
have size2 : #|[set: bool]| = 2%N by rewrite cardsT card_bool.
have half k : softmax_on E [set: bool] flat k = 2%:R^-1.
  by rewrite softmax_onT /softmax big_bool /flat ex0 mul1r.
have back : divergence E [set: bool] (softmax_on E [set: bool] (fun k => f k - f k))
    = divergence E [set: bool] (softmax_on E [set: bool] flat).
  by apply: eq_bigr => k _; rewrite !softmax_onT /softmax !big_bool !subrr.
have level : slope E [set: bool] [set: bool] flat f = 0.
  by rewrite /slope size2; under eq_bigr do rewrite half; rewrite subrr.
have := divergence_tangent E some (subsetT _) flat f; rewrite level addr0 back => /lt_leif.
have -> : divergence E [set: bool] (softmax_on E [set: bool] (fun k => flat k + f k))
    = divergence E [set: bool] (softmax_on E [set: bool] f).
  by apply: eq_bigr => k _; rewrite !softmax_onT /softmax !big_bool !add0r.
move=> ->; apply/negP => /forall_inP same.
have := eqP (same true (in_setT _)); rewrite -(eqP (same false (in_setT _))) /f => /eqP.
by rewrite oner_eq0.
Qed.
