(** Theorem 4.3: diversity collapses at perfection.

    The paper: at a perfect policy, each plain SGD step of policy gradient moves the policy, in
    expectation, away from the uniform choice among the correct next nodes (KL divergence).
    Here: it does not fall, for every graph, horizon and step size, from one episode or from a
    batch of independent ones toward one target; and it rises strictly if and only if the row has
    a choice and some source of the batch can visit it.  Softmax is over a set of nodes per row
    (logits of the others minus infinity, as perfection demands: T4_2 has that a policy that can
    stay where it is does not always succeed); perfect means that every episode of positive
    probability is correct, so that none times out.  For any finite space of mean-zero changes
    it rises strictly when some possible change is not the same for all nodes of the softmax.
    Left out: time-outs, momentum, Adam, the size of the rise. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning Exponential Episodes T4_2.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** KL divergence of the policy [q] of a row from the uniform choice among [C]. *)
Definition divergence (R : realFieldType) (E : exponential R) (V : finType) (C : {set V})
    (q : V -> R) : R :=
  \sum_(k in C) (#|C|%:R)^-1 * lg E ((#|C|%:R)^-1 / q k).

(** Over a finite probability space: a change of logits with mean 0 does not lower the
    divergence. *)
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

(** * Strictly, for batches of episodes *)

(** The row [j] is left in some episode of positive probability from one of the sources. *)
Definition visited (R : realFieldType) (V : finType) (i : V) (q : V -> V -> R) (h : nat) (j : V)
    (ss : seq V) : Prop := exists s u, [/\ s \in ss, possible i q h s u & j \in belast s u].

(** At perfection the step of a batch raises the divergence in the mean if and only if the row has a
    choice and is visited. *)
Definition batch_rises_iff : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
    (S : V -> {set V}) (f : V -> V -> R) (h : nat) (j : V) (ss : seq V) (eta : R) (C : {set V}),
  eta != 0 -> (forall x, S x != set0) ->
  (forall s, s \in ss -> perfect A i (policy_on E S f) h s) ->
  C = [set k | is_next A i j k] -> C != set0 -> C \subset S j ->
  (divergence E C (policy_on E S f j) < batch_expect i (policy_on E S f) h ss (fun us =>
    divergence E C (softmax_on E (S j) (fun k =>
      f j k + eta / (size ss)%:R * batch_ascent A i (policy_on E S f) j k ss us))))
  <-> (1 < #|C|)%N /\ visited i (policy_on E S f) h j ss.

Section Strict.
Variables (R : realFieldType) (V : finType) (i : V) (q : V -> V -> R).
Hypothesis law : stochastic q.

(** A perfect policy takes only correct steps in the rows that it visits. *)
Lemma perfect_next (A : rel V) h s u j k : perfect A i q h s -> possible i q h s u ->
  j \in belast s u -> q j k != 0 -> is_next A i j k.
Proof.
elim: h s u => [|h IH] s u right /=; first by move/eqP->.
have [_|off] := eqVneq s i; first by move/eqP->.
case: u => [//|m u] /andP[can later]; rewrite inE => /orP[/eqP-> can_k|there can_k].
  have [r possible_r _] := expect_reached i law h k (fun=> 0).
  by apply: (correct_step (right (k :: r) _)); rewrite /= (negPf off) can_k.
have off_m : m != i.
  apply: contraTneq there => same; move: later; rewrite same.
  by case: (h) => [|h'] /=; rewrite ?eqxx => /eqP->.
apply: IH later there can_k => r possible_r.
have := right (m :: r); rewrite /= (negPf off) can (negPf off_m) => /(_ possible_r).
by case/andP.
Qed.

(** The sum of [w] over the steps from row [j]. *)
Fixpoint along (w : V -> R) (j x : V) (u : seq V) : R :=
  if u is m :: u' then (if x == j then w m else 0) + along w j m u' else 0.

Lemma along_score j k k' x u :
  along (fun m => (m == k)%:R - q j k - ((m == k')%:R - q j k')) j x u
  = score q j k x u - score q j k' x u.
Proof.
elim: u x => [|m u IH] x /=; first by rewrite subrr.
by rewrite IH; case: eqP => _; ring.
Qed.

Lemma score_off j k x u : j \notin belast x u -> score q j k x u = 0.
Proof.
elim: u x => [//|m u IH] x /=; rewrite inE negb_or => /andP[off /IH->].
by rewrite eq_sym (negPf off) addr0.
Qed.

Section MeanZero.
Variables (w : V -> R) (j : V).
Hypothesis mean0 : forall h x, expect i q h x (along w j x) = 0.

Lemma square_step h x : x != i -> expect i q h.+1 x (fun u => along w j x u ^+ 2)
  = \sum_m q x m * ((if x == j then w m else 0) ^+ 2
      + expect i q h m (fun u => along w j m u ^+ 2)).
Proof.
move=> off /=; rewrite (negPf off); apply: eq_bigr => m _; congr (_ * _).
set c := if _ then _ else _; set F := along w j m.
have -> : c ^+ 2 + expect i q h m (fun u => F u ^+ 2)
    = 2%:R * c * expect i q h m F + (1 * expect i q h m (fun u => F u ^+ 2)
      + expect i q h m (fun=> c ^+ 2)).
  by rewrite mean0 expect_const // mulr0 add0r mul1r addrC.
by rewrite -!expect_lin; apply: (mean_ext (expect_mean i law h m)) => u _; ring.
Qed.

Lemma square_ge0 h x : 0 <= expect i q h x (fun u => along w j x u ^+ 2).
Proof. by rewrite -(expect_const i law h x 0); apply: expect_le => // u _; apply: sqr_ge0. Qed.

Lemma square_gt0 h x u k : possible i q h x u -> j \in belast x u -> q j k != 0 -> w k != 0 ->
  0 < expect i q h x (fun u => along w j x u ^+ 2).
Proof.
move=> can there can_k not0; elim: h x u can there => [|h IH] x u; first by move/eqP->.
rewrite /=; have [_|off] := eqVneq x i; first by move/eqP->.
case: u => [//|m u] /andP[can later]; rewrite inE => there.
have pos n : q x n != 0 -> 0 < q x n by move=> can_n; rewrite lt0r can_n (law x).1.
have term n : 0 <= q x n * ((if x == j then w n else 0) ^+ 2
    + expect i q h n (fun u => along w j n u ^+ 2)).
  by rewrite mulr_ge0 ?(law x).1 // addr_ge0 ?sqr_ge0 ?square_ge0.
have := square_step h off; rewrite /= (negPf off) => ->.
case/orP: there => [/eqP same|there].
  rewrite (bigD1 k) //= ltr_spaddl //; last by apply: sumr_ge0.
  rewrite mulr_gt0 ?pos -?same // eqxx ltr_spaddl ?square_ge0 //.
  by rewrite lt0r sqrf_eq0 not0 sqr_ge0.
rewrite (bigD1 m) //= ltr_spaddl //; last by apply: sumr_ge0.
by rewrite mulr_gt0 ?pos // ltr_spaddr ?sqr_ge0 // (IH m u).
Qed.

(** So no number is the sum of every episode. *)
Lemma along_differs h x u k c : possible i q h x u -> j \in belast x u -> q j k != 0 ->
  w k != 0 -> exists2 u', possible i q h x u' & along w j x u' != c.
Proof.
move=> can there can_k not0; have some := square_gt0 can there can_k not0.
have [c0|cN0] := eqVneq c 0.
  have [u' can' most] := expect_reached i law h x (fun u => along w j x u ^+ 2).
  exists u' => //; rewrite c0; apply: contraTneq (lt_le_trans some most) => ->.
  by rewrite expr0n /= ltxx.
have [a can_a high] := expect_reached i law h x (along w j x).
have [b can_b low] := expect_reached i law h x (fun u => -1 * along w j x u + 0).
move: high low; rewrite expect_lin mean0 expect_const // mulr0 addr0 addr0 mulN1r oppr_ge0.
move=> high low; case: (ltgtP c 0) cN0 => // sign _.
  by exists a => //; rewrite gt_eqF // (lt_le_trans sign).
by exists b => //; rewrite lt_eqF // (le_lt_trans low).
Qed.
End MeanZero.

Lemma batch_reached h ss F :
  exists2 us, batch_possible i q h ss us & batch_expect i q h ss F <= F us.
Proof.
elim: ss F => [|s ss IH] F; first by exists [::].
have [u can most] := expect_reached i law h s
  (fun u => batch_expect i q h ss (fun us => F (u :: us))).
have [us cans mosts] := IH (fun us => F (u :: us)).
by exists (u :: us); [rewrite /= can | apply: le_trans most mosts].
Qed.

Lemma batch_in h ss us b : batch_possible i q h ss us -> b \in zip ss us ->
  b.1 \in ss /\ possible i q h b.1 b.2.
Proof.
elim: ss us => [|s ss IH] [|u us] //= /andP[can cans].
rewrite inE => /orP[/eqP-> /=|/(IH _ cans)[]].
  by rewrite mem_head.
by move=> there ?; rewrite inE there orbT.
Qed.

Lemma batch_differs (A : rel V) h ss j k k' c : (forall s, s \in ss -> perfect A i q h s) ->
  visited i q h j ss -> q j k != 0 -> q j k' != 0 -> k != k' ->
  exists2 us, batch_possible i q h ss us &
  batch_ascent A i q j k ss us - batch_ascent A i q j k' ss us != c.
Proof.
move=> right [s [u [s_in can there]]] can_k can_k' differ.
pose w m := (m == k)%:R - q j k - ((m == k')%:R - q j k').
have mean0 h' x : expect i q h' x (along w j x) = 0.
  rewrite -[RHS]subr0 -{1}(expect_score i law h' j k x) -(expect_score i law h' j k' x).
  rewrite addrC -mulN1r -expect_lin; apply: (mean_ext (expect_mean i law h' x)) => u' _.
  by rewrite along_score mulN1r addrC.
have wk : w k != 0.
  rewrite /w eqxx (negPf differ) sub0r opprK gt_eqF // ltr_spaddr ?lt0r ?can_k' ?(law j).1 //.
  rewrite subr_ge0 -(law j).2 (bigD1 k) //= ler_addl; apply: sumr_ge0 => m _.
  by case: (law j).
have head s' ss' u' us' : perfect A i q h s' -> possible i q h s' u' ->
    batch_ascent A i q j k (s' :: ss') (u' :: us') - batch_ascent A i q j k' (s' :: ss') (u' :: us')
    = along w j s' u' + (batch_ascent A i q j k ss' us' - batch_ascent A i q j k' ss' us').
  move=> right' can'; rewrite /batch_ascent /= !big_cons /= (right' _ can') !mul1r along_score.
  by ring.
elim: ss c right s_in => [//|s' ss IH] c right; rewrite inE => s_in.
have right' : perfect A i q h s' by apply: right; rewrite mem_head.
have rights x : x \in ss -> perfect A i q h x by move=> x_in; apply: right; rewrite inE x_in orbT.
have [same|other] := eqVneq s s'.
  have [us cans _] := batch_reached h ss (fun=> 0).
  set d := batch_ascent A i q j k ss us - batch_ascent A i q j k' ss us.
  rewrite same in can there *.
  have [u' can' not] := along_differs mean0 (c - d) can there can_k wk.
  by exists (u' :: us); rewrite /= ?can' // head // -/d eq_sym -subr_eq eq_sym.
move: s_in; rewrite (negPf other) /= => s_in.
have [u' can' _] := expect_reached i law h s' (fun=> 0).
have [us cans not] := IH (c - along w j s' u') rights s_in.
by exists (u' :: us); rewrite /= ?can' // head // addrC eq_sym -subr_eq eq_sym.
Qed.
End Strict.

Lemma softmax_on_ext (R : realFieldType) (E : exponential R) (V : finType) (S : {set V})
  (f g : V -> R) k : (forall m, f m = g m) -> softmax_on E S f k = softmax_on E S g k.
Proof.
by move=> same; rewrite /softmax_on same; case: ifP => // _; under eq_bigr do rewrite same.
Qed.

Lemma softmax_on1 (R : realFieldType) (E : exponential R) (V : finType) (f : V -> R) k :
  softmax_on E [set k] f k = 1.
Proof. by rewrite /softmax_on set11 big_set1 divff // lt0r_neq0 ?ex_gt0. Qed.

Theorem batch_rises_iff_holds : batch_rises_iff.
Proof.
move=> R E V A i S f h j ss eta C eta0 rows right C_next some inside.
set q := policy_on E S f in right *; have law : stochastic q by apply: policy_on_law.
have isB := batch_mean i h law ss.
have in_S k : (q j k != 0) = (k \in S j).
  rewrite /q /policy_on; case: (boolP (k \in S j)) => k_in.
    by rewrite (softmax_on_ex E k_in) // lt0r_neq0 ?ex_gt0.
  by rewrite /softmax_on (negPf k_in) eqxx.
split=> [less|[choice visit]]; last first.
  have [k [k' [k_C k'_C differ]]] := card_gt1P choice.
  have [k_S k'_S] := (subsetP inside k k_C, subsetP inside k' k'_C).
  have [||us can not] := @batch_differs R V i q law A h ss j k k' 0 right visit _ _ differ;
    rewrite ?in_S //.
  have still m : m \in S j -> batch_expect i q h ss (fun us =>
      eta / (size ss)%:R * batch_ascent A i q j m ss us) = 0.
    move=> _; rewrite -[RHS](mulr0 (eta / (size ss)%:R)) -(batch_no_drift law j m right).
    rewrite -[RHS]addr0 -[X in _ + X](mean_const isB 0) -(mean_lin isB).
    by apply: (mean_ext isB) => us' _; rewrite addr0.
  apply: (mean_divergence_lt E some inside (f j) isB still can k_S k'_S).
  rewrite -subr_eq0 -mulrBr !mulf_eq0 invr_eq0 pnatr_eq0 !negb_or eta0 not andbT /=.
  by case: visit => s [u [s_in _ _]]; case: (ss) s_in.
have [us can most] := batch_reached i law h ss (fun us =>
  divergence E C (softmax_on E (S j) (fun k =>
    f j k + eta / (size ss)%:R * batch_ascent A i q j k ss us))).
have {less most} less := lt_le_trans less most.
have /hasP[b b_in there] : has (fun b => j \in belast b.1 b.2) (zip ss us).
  apply: contraLR less => /hasPn none; rewrite -leNgt le_eqVlt; apply/orP; left; apply/eqP.
  apply: eq_bigr => k _; congr (_ * lg E (_ / _)); apply: softmax_on_ext => m.
  rewrite /batch_ascent big1_seq ?mulr0 ?addr0 // => b /andP[_ b_in].
  by rewrite score_off ?mulr0 // none.
have [s_in can_b] := batch_in can b_in; split; last by exists b.1, b.2.
have same : S j = C.
  apply/eqP; rewrite eqEsubset inside andbT; apply/subsetP => k; rewrite -in_S => can_k.
  by rewrite C_next inE; exact: (perfect_next law (right _ s_in) can_b there can_k).
rewrite ltnNge; apply: contraL less; rewrite leq_eqVlt ltnS leqn0 cards_eq0 (negPf some) orbF.
case/cards1P => k0 only; rewrite /q /policy_on same -leNgt le_eqVlt; apply/orP; left; apply/eqP.
apply: eq_bigr => k; rewrite only inE => /eqP->.
by rewrite !softmax_on1.
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
by rewrite /= big_bool => /eqP; vm_compute.
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

(** Wrong: a visited row always loses diversity; with a single right step there is none to lose. *)
Definition wrong_rises_without_choice (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (A : rel V) (i : V) (S : V -> {set V}) (f : V -> V -> R) (h : nat)
    (j s : V) (C : {set V}),
  (forall x, S x != set0) -> perfect A i (policy_on E S f) h s ->
  C = [set k | is_next A i j k] -> C != set0 -> C \subset S j ->
  visited i (policy_on E S f) h j [:: s] ->
  divergence E C (policy_on E S f j) < batch_expect i (policy_on E S f) h [:: s] (fun us =>
    divergence E C (softmax_on E (S j) (fun k =>
      f j k + batch_ascent A i (policy_on E S f) j k [:: s] us))).

(** Wrong: every row with a choice loses diversity, whether visited or not. *)
Definition wrong_rises_unvisited (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (A : rel V) (i : V) (S : V -> {set V}) (f : V -> V -> R) (h : nat)
    (j s : V) (C : {set V}),
  (forall x, S x != set0) -> perfect A i (policy_on E S f) h s ->
  C = [set k | is_next A i j k] -> C \subset S j -> (1 < #|C|)%N ->
  divergence E C (policy_on E S f j) < batch_expect i (policy_on E S f) h [:: s] (fun us =>
    divergence E C (softmax_on E (S j) (fun k =>
      f j k + batch_ascent A i (policy_on E S f) j k [:: s] us))).

Section WrongRises.
Variables (R : realFieldType) (E : exponential R).

(** Three nodes, the target is [None]: [Some true] goes onto it, [Some false] to both others. *)
Definition fork : rel (option bool) := fun j k =>
  if j == Some true then k == None else (j == Some false) && (k != Some false).
Definition ways (j : option bool) : {set option bool} :=
  if j == Some true then [set None] else [set k | k != Some false].
Notation q := (policy_on E ways (fun _ _ => 0)).

Lemma ways_some x : ways x != set0.
Proof. by apply/set0Pn; exists None; rewrite /ways; case: eqP => _; rewrite inE. Qed.

Lemma fork_next j : j != None -> ways j = [set k | is_next fork None j k].
Proof.
have direct : reaches fork None (Some true) by apply: connect1.
have there k : k != Some false -> reaches fork None k.
  by case: k => [[]|] // _; apply: connect0.
move=> off; apply/setP => k; rewrite inE /is_next /ways /fork.
case: eqP => [_|not1]; first by rewrite inE; case: eqP => // ->; rewrite /reaches connect0.
have -> : j == Some false by case: (j) off not1 => [[]|].
by rewrite inE /=; case: (boolP (k == Some false)) => // /there->.
Qed.

Lemma fork_steps x m : q x m != 0 -> m \in ways x.
Proof. by rewrite /policy_on /softmax_on; case: ifP => // _; rewrite eqxx. Qed.

Lemma fork_perfect : perfect fork None q 1 (Some true).
Proof.
move=> [//|m u] /andP[/fork_steps]; rewrite inE => /eqP-> /eqP->.
by [].
Qed.

Lemma itself (C : {set option bool}) : C \subset C.
Proof. by []. Qed.

Lemma fork_update f j us : softmax_on E (ways j) (fun k => f k + batch_ascent fork None q j k
    [:: Some true] us) =1 softmax_on E (ways j) (fun k => f k + 1 / (size [:: Some true])%:R
    * batch_ascent fork None q j k [:: Some true] us).
Proof. by move=> k; apply: softmax_on_ext => m; rewrite divr1 mul1r. Qed.

Lemma fork_rises j (C := ways j) : j != None ->
  divergence E C (q j) < batch_expect None q 1 [:: Some true] (fun us =>
    divergence E C (softmax_on E (ways j) (fun k =>
      0 + batch_ascent fork None q j k [:: Some true] us))) ->
  (1 < #|C|)%N /\ j = Some true.
Proof.
move=> off rise; have right s : s \in [:: Some true] -> perfect fork None q 1 s.
  by rewrite inE => /eqP->; apply: fork_perfect.
have [strict _] := @batch_rises_iff_holds R E _ fork None ways
  (fun _ _ => 0) 1%N j [:: Some true] 1 C (oner_neq0 _) ways_some right (fork_next off)
  (ways_some j) (itself _).
have [|choice [s [u [s_in can there]]]] := strict.
  apply: lt_le_trans rise _; rewrite le_eqVlt; apply/orP; left; apply/eqP.
  apply: (mean_ext (batch_mean None 1 (policy_on_law E _ ways_some) _)) => us _.
  by apply: eq_bigr => k _; rewrite fork_update.
split=> //; move: s_in can there; rewrite inE => /eqP->; case: u => [//|m u] /=.
case/andP=> _ /eqP->; by rewrite inE => /eqP.
Qed.

End WrongRises.

Theorem wrong_rises_without_choice_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_rises_without_choice E.
Proof.
have right := @fork_perfect R E.
move=> /(_ _ fork None ways (fun _ _ => 0) 1%N (Some true) (Some true) _ ways_some right).
move=> /(_ _ (@fork_next (Some true) isT) (ways_some _) (itself _)) rise.
have [|] := @fork_rises R E (Some true) isT; last by rewrite /ways eqxx cards1.
apply: rise; exists (Some true), [:: None]; split; rewrite ?inE //=.
by rewrite andbT /policy_on softmax_on1 oner_neq0.
Qed.

Theorem wrong_rises_unvisited_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_rises_unvisited E.
Proof.
have right := @fork_perfect R E.
move=> /(_ _ fork None ways (fun _ _ => 0) 1%N (Some false) (Some true) _ ways_some right).
move=> /(_ _ (@fork_next (Some false) isT) (itself _)) rise.
have [|_ //] := @fork_rises R E (Some false) isT; apply: rise.
by apply/card_gt1P; exists None, (Some true); rewrite /ways !inE.
Qed.
