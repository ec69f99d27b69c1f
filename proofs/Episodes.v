(** Episodes: the chance of what a policy generates, and the gradient of its logarithm.

    A policy [q] gives every row [j] the chances [q j k] of its next nodes [k]; one target [i] is
    fixed.  An episode starts at a source and is the list of the nodes generated: it stops at the
    target, or when [h] steps are taken.  Illegal steps do not end it. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning Exponential.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** What the theorems use of an expectation [L] over outcomes, of which those in [P] can occur. *)
Record mean (R : realFieldType) (T : Type) (P : T -> bool) (L : (T -> R) -> R) : Prop := Mean {
  mean_lin : forall a F G, L (fun o => a * F o + G o) = a * L F + L G;
  mean_const : forall c, L (fun=> c) = c;
  mean_le : forall F G, (forall o, P o -> F o <= G o) -> L F <= L G;
  mean_lt : forall F G o, (forall o, P o -> F o <= G o) -> P o -> F o < G o -> L F < L G
}.

Section Mean.
Variables (R : realFieldType) (T : Type) (P : T -> bool) (L : (T -> R) -> R).
Hypothesis isL : mean P L.

Lemma mean_ext F G : (forall o, P o -> F o = G o) -> L F = L G.
Proof. by move=> same; apply/le_anti; rewrite !(mean_le isL) // => o /same->. Qed.

Lemma mean_sum (I : finType) (S : {pred I}) (c : I -> R) (F : I -> T -> R) :
  L (fun o => \sum_(k in S) c k * F k o) = \sum_(k in S) c k * L (F k).
Proof.
elim: (index_enum I) => [|k ks IH].
  by rewrite big_nil -[RHS](mean_const isL); apply: mean_ext => o _; rewrite big_nil.
rewrite big_cons -IH; case: ifP => in_S; last first.
  by apply: mean_ext => o _; rewrite big_cons in_S.
by rewrite -(mean_lin isL); apply: mean_ext => o _; rewrite big_cons in_S.
Qed.
End Mean.

Section Episodes.
Variables (R : realFieldType) (V : finType).
Implicit Types (q : V -> V -> R) (F G : seq V -> R).

(** Entry [k] of row [j] in the gradient of the log-likelihood of the steps [u], taken from [x]:
    each step [m] from row [j] gives [m = k] less the chance of [k]. *)
Fixpoint score q (j k x : V) (u : seq V) : R :=
  if u is m :: u' then (if x == j then (m == k)%:R - q j k else 0) + score q j k m u' else 0.

(** Every row is a probability distribution. *)
Definition stochastic q : Prop := forall x, (forall k, 0 <= q x k) /\ \sum_k q x k = 1.

Variable i : V.

(** The mean of [F] over the episodes from [x] of at most [h] steps. *)
Fixpoint expect q (h : nat) (x : V) F : R :=
  if h is h'.+1 then
    if x == i then F [::] else \sum_m q x m * expect q h' m (fun u => F (m :: u))
  else F [::].

(** The episodes of positive probability. *)
Fixpoint possible q (h : nat) (x : V) (u : seq V) : bool :=
  if h is h'.+1 then
    if x == i then u == [::]
    else if u is m :: u' then (q x m != 0) && possible q h' m u' else false
  else u == [::].

Lemma expect_lin q h x a F G :
  expect q h x (fun u => a * F u + G u) = a * expect q h x F + expect q h x G.
Proof.
elim: h x F G => [|h IH] x F G //=; case: eqP => // _.
rewrite mulr_sumr -big_split; apply: eq_bigr => m _ /=.
by rewrite IH mulrDr !mulrA (mulrC a).
Qed.

Lemma score_sum q j x u : \sum_k q j k = 1 -> \sum_k score q j k x u = 0.
Proof.
move=> one; elim: u x => [|m u IH] x /=; first by rewrite big1.
rewrite big_split /= IH addr0; case: eqP => _; last by rewrite big1.
rewrite sumrB one (bigD1 m) //= eqxx big1 ?addr0 ?subrr // => k.
by rewrite eq_sym => /negPf->.
Qed.

Section Stochastic.
Variable q : V -> V -> R.
Hypothesis law : stochastic q.

Lemma expect_const h x c : expect q h x (fun=> c) = c.
Proof.
elim: h x => [|h IH] x //=; case: eqP => // _.
under eq_bigr do rewrite IH.
by rewrite -mulr_suml (law x).2 mul1r.
Qed.

Lemma expect_le h x F G :
  (forall u, possible q h x u -> F u <= G u) -> expect q h x F <= expect q h x G.
Proof.
elim: h x F G => [|h IH] x F G below /=; first exact: below.
move: below => /=; case: eqP => _ below; first exact: below.
apply: ler_sum => m _; have [->|not0] := eqVneq (q x m) 0; first by rewrite !mul0r.
apply: ler_wpmul2l; first exact: (law x).1.
by apply: IH => u can; apply: below; rewrite not0.
Qed.

Lemma expect_lt h x F G u :
  (forall u, possible q h x u -> F u <= G u) -> possible q h x u -> F u < G u ->
  expect q h x F < expect q h x G.
Proof.
elim: h x F G u => [|h IH] x F G u below /=; first by move/eqP->.
move: below => /=; case: eqP => _ below; first by move/eqP->.
case: u => [//|m u] /andP[not0 can] less.
rewrite (bigD1 m) //= [X in _ < X](bigD1 m) //=; apply: ltr_le_add.
  rewrite ltr_pmul2l ?lt0r ?not0 ?(law x).1 //.
  by apply: (IH _ _ _ u) => // u' can'; apply: below; rewrite not0.
apply: ler_sum => m' _; have [->|not0'] := eqVneq (q x m') 0; first by rewrite !mul0r.
apply: ler_wpmul2l; first exact: (law x).1.
by apply: expect_le => u' can'; apply: below; rewrite not0'.
Qed.

Lemma expect_mean h x : mean (possible q h x) (expect q h x).
Proof.
by split; [exact: expect_lin | exact: expect_const | exact: expect_le | exact: expect_lt].
Qed.

(** Some possible outcome is at least the mean. *)
Lemma expect_reached h x F : exists2 u, possible q h x u & expect q h x F <= F u.
Proof.
elim: h x F => [|h IH] x F /=; first by exists [::].
case: eqP => [|_]; first by exists [::].
set e := \sum_m _.
have [/existsP[m /andP[not0 above]]|none] :=
    boolP [exists m, (q x m != 0) && (e <= expect q h m (fun u => F (m :: u)))].
  have [u can most] := IH m (fun u => F (m :: u)).
  by exists (m :: u); rewrite ?not0 ?(le_trans above).
have below m : q x m * expect q h m (fun u => F (m :: u)) <= q x m * e ?= iff (q x m == 0).
  have [->|not0] := eqVneq (q x m) 0; first by rewrite !mul0r; apply/leif_refl.
  have less : expect q h m (fun u => F (m :: u)) < e.
    by move: none; rewrite ltNge => /existsPn/(_ m); rewrite not0.
  have pos : 0 < q x m by rewrite lt0r not0 (law x).1.
  by split; [apply/ltW | apply/lt_eqF]; rewrite ltr_pmul2l.
have := leif_sum (fun m (_ : predT m) => below m).
rewrite -/e -mulr_suml (law x).2 mul1r => -[_]; rewrite eqxx => /esym/forallP all0.
have := (law x).2; rewrite big1 => [/eqP|m _]; first by rewrite eq_sym oner_eq0.
exact/eqP/(implyP (all0 m)).
Qed.

(** A martingale: the expected score is 0, whatever the policy, the horizon and the edges. *)
Lemma expect_score h j k x : expect q h x (score q j k x) = 0.
Proof.
elim: h x => [|h IH] x //=; case: eqP => // _.
have step m : expect q h m (fun u => (if x == j then (m == k)%:R - q j k else 0)
    + score q j k m u) = if x == j then (m == k)%:R - q j k else 0.
  set c := (if _ then _ else _).
  have := expect_lin q h m 1 (fun=> c) (score q j k m).
  by rewrite IH addr0 expect_const !mul1r.
under eq_bigr do rewrite step.
case: eqP => [->|_]; last by rewrite big1 // => m _; rewrite mulr0.
under eq_bigr do rewrite mulrBr.
rewrite sumrB -mulr_suml (law j).2 mul1r (bigD1 k) //= eqxx mulr1 big1 ?addr0 ?subrr //.
by move=> m /negPf->; rewrite mulr0.
Qed.
End Stochastic.
End Episodes.

Section Logits.
Variables (R : realFieldType) (E : exponential R) (V : finType).
Implicit Types (S : {set V}) (f D : V -> R).

(** Softmax over the nodes in [S]; the others have chance 0 (logits minus infinity). *)
Definition softmax_on S f (k : V) : R :=
  if k \in S then E (f k) / \sum_(m in S) E (f m) else 0.

(** The logarithm of the sum of exponentials. *)
Definition lse S f : R := lg E (\sum_(m in S) E (f m)).

Lemma ex_mono x y : (E x <= E y) = (x <= y).
Proof. by case: (leP x y) => [/ex_le->|/(ex_lt E)] //; rewrite ltNge => /negPf. Qed.

Section Support.
Variables (S : {set V}) (k0 : V).
Hypothesis in_S : k0 \in S.

Lemma sum_on_gt0 f : 0 < \sum_(m in S) E (f m).
Proof.
rewrite (bigD1 k0) //= ltr_paddr ?ex_gt0 //; apply: sumr_ge0 => m _.
exact: ltW (ex_gt0 E _).
Qed.

Lemma ex_lse f : E (lse S f) = \sum_(m in S) E (f m).
Proof. by rewrite lgK ?sum_on_gt0. Qed.

Lemma softmax_on_ex f k : k \in S -> softmax_on S f k = E (f k - lse S f).
Proof. by move=> k_in; rewrite /softmax_on k_in exD exN ex_lse. Qed.

Lemma softmax_on_sum f : \sum_(k in S) softmax_on S f k = 1.
Proof.
rewrite (eq_bigr (fun k => E (f k) / \sum_(m in S) E (f m))) => [|k k_in].
  by rewrite -mulr_suml divff // lt0r_neq0 // sum_on_gt0.
by rewrite /softmax_on k_in.
Qed.

(** Log-sum-exp is convex: it lies above its tangent, whose slope is the policy, and touches it
    exactly where the change is the same for all nodes. *)
Lemma lse_tangent f D (c := \sum_(m in S) softmax_on S f m * D m) :
  lse S f + c <= lse S (fun m => f m + D m) ?= iff [forall m in S, D m == c].
Proof.
have term m : m \in S ->
    E (lse S f + c) * (softmax_on S f m * (1 + (D m - c))) <= E (f m + D m) ?= iff (D m == c).
  move=> m_in; have -> : E (f m + D m) = E (lse S f + c) * (softmax_on S f m * E (D m - c)).
    by rewrite softmax_on_ex // -!exD; congr (E _); ring.
  have [->|not_c] := eqVneq (D m) c; first by rewrite subrr ex0 addr0; apply/leif_refl.
  have less : E (lse S f + c) * (softmax_on S f m * (1 + (D m - c))) <
      E (lse S f + c) * (softmax_on S f m * E (D m - c)).
    by rewrite softmax_on_ex // !ltr_pmul2l ?ex_gt0 // ex_gt // subr_eq0.
  by split; [apply/ltW | apply/lt_eqF].
have total : \sum_(m in S) E (lse S f + c) * (softmax_on S f m * (1 + (D m - c))) = E (lse S f + c).
  rewrite -mulr_sumr (eq_bigr (fun m => softmax_on S f m * D m + softmax_on S f m * (1 - c))).
    by rewrite big_split -mulr_suml softmax_on_sum -/c /= mul1r addrCA subrr addr0 mulr1.
  by move=> m _; ring.
have := leif_sum term; rewrite total -ex_lse => -[below same].
by split; [rewrite -ex_mono | rewrite -same (inj_eq (@ex_inj _ E))].
Qed.
End Support.

Lemma softmax_onT f k : softmax_on setT f k = softmax E f k.
Proof.
rewrite /softmax_on in_setT /softmax; congr (_ / _).
by apply: eq_bigl => m; rewrite in_setT.
Qed.
End Logits.

(** The policy of a table of logits toward the fixed target. *)
Definition policy (R : realFieldType) (E : exponential R) (V : finType) (f : V -> V -> R) :=
  fun j => softmax E (f j).
