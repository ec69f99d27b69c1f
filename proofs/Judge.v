(** A noisy judge: process reward that also charges legal steps, now and then.

    Not in the paper (arXiv 2509.22613), whose Theorem 5.2 is about an exact judge.  Here, in
    expectation and for every finite graph: where a legal step costs something, and an illegal one no
    less, the values of a fixed point are determined, cycles or not, by the distance to the target.
    What is left out: that the equation has a solution (here: what every solution is), that
    learning converges, and the policies that the values give. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Planning Require Import Planning Ended.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** A path of [d] steps from [j] to the target. *)
Definition walk (V : finType) (A : rel V) (i j : V) (d : nat) : Prop :=
  exists p, [/\ path A j p, last j p = i & size p = d].

(** The length of a shortest path. *)
Definition distance (V : finType) (A : rel V) (i j : V) (d : nat) : Prop :=
  walk A i j d /\ forall d', walk A i j d' -> (d <= d')%N.

(** A noisy judge, at whatever cost [a] > 0 of a legal step up to that of an illegal one: at
    most one solution on every graph.  A node at distance [d] is worth [1 - a d], but at least the
    illegal jump to the target; one that cannot reach it is worth the jump. *)
Definition judge_determines : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (a b : R) (f : V -> V -> R),
  0 < a <= b -> judged_fixed A i a b f -> forall j, j != i ->
  (forall d, distance A i j d -> best i f j = Num.max (1 - a * d%:R) (1 - b)) /\
  (~~ reaches A i j -> best i f j = 1 - b).

Section Judge.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (a b : R) (f : V -> V -> R).
Hypotheses (costs : 0 < a <= b) (fixed : judged_fixed A i a b f).
Let v := best i f.

Lemma judge_jump j : j != i -> 1 - b <= v j.
Proof.
move=> off; apply: le_trans (best_ge i f j i); rewrite fixed // /judged /ahead eqxx.
by rewrite ler_add2l ler_opp2; case: ifP => // _; case/andP: costs.
Qed.

Lemma judge_ge j p : j != i -> path A j p -> last j p = i -> 1 - a * (size p)%:R <= v j.
Proof.
elim: p j => [j off _ /= last|k p IH j off /= /andP[legal walk_p] last].
  by rewrite last eqxx in off.
apply: le_trans (best_ge i f j k); rewrite fixed // /judged legal /ahead.
rewrite -addn1 natrD mulrDr mulr1 opprD addrA ler_add2r.
case: (eqVneq k i) => [_|off_k]; last exact: IH.
case/andP: costs => /ltW a_ge0 _.
by rewrite ler_subl_addr ler_addl mulr_ge0 ?ler0n.
Qed.

(** The more nodes are worth more, the further the induction has to go: a step that does not end
    at the target costs something, so its next node is worth more. *)
Lemma judge_le j : j != i ->
  v j <= 1 - b \/ exists p, [/\ path A j p, last j p = i & v j <= 1 - a * (size p)%:R].
Proof.
case/andP: costs => a_gt0 a_le_b; have b_gt0 := lt_le_trans a_gt0 a_le_b.
have [n] := ubnP #|[pred k | v j < v k]|; elim: n j => // n IH j small off_j.
case: (best_at i f j) => k; rewrite -/v => at_k; rewrite fixed // /judged /ahead in at_k.
case: (eqVneq k i) at_k => [->|off_k] at_k.
  move: at_k; case: ifP => legal at_k; last by left; rewrite at_k.
  by right; exists [:: i]; rewrite /= legal mulr1 at_k.
have cost_gt0 : 0 < (if A j k then a else b) by case: ifP.
have higher : v j < v k by rewrite at_k ltr_subl_addr ltr_addl.
have [||low|[p [walk_p last low]]] := IH k; rewrite ?off_k //.
- apply: leq_trans (small : (_ <= n)%N); apply: proper_card; apply/properP; split.
    by apply/subsetP => m; rewrite !inE; apply: lt_trans.
  by exists k; rewrite !inE ?higher ?ltxx.
- by left; rewrite at_k (le_trans _ low) // ler_subl_addr ler_addl ltW.
move: at_k; case: ifP => legal at_k; last first.
  left; rewrite at_k ler_add2r (le_trans low) // ler_subl_addr ler_addl.
  by rewrite mulr_ge0 ?ler0n // ltW.
right; exists (k :: p); rewrite /= legal walk_p last; split=> //.
by rewrite at_k -addn1 natrD mulrDr mulr1 opprD addrA ler_add2r.
Qed.
End Judge.

Theorem judge_determines_holds : judge_determines.
Proof.
move=> R V A i a b f costs fixed j off; have a_gt0 : 0 < a by case/andP: costs.
split=> [d [[p [walk_p last size_p]] shortest]|unreachable].
  apply/le_anti/andP; split; last first.
    by rewrite le_maxl -size_p (judge_ge costs fixed) // (judge_jump costs fixed).
  rewrite le_maxr; have [->|[q [walk_q last_q low]]] := judge_le costs fixed off.
    by rewrite orbT.
  rewrite (le_trans low) // ler_add2l ler_opp2 ler_pmul2l // ler_nat.
  by apply: shortest; exists q.
apply/le_anti; rewrite (judge_jump costs fixed) // andbT.
have [//|[q [walk_q last_q _]]] := judge_le costs fixed off.
by case/negP: unreachable; apply/connectP; exists q.
Qed.

(** The value [c] on that circle, for costs [a] legal and [b] illegal. *)
Definition circling (a b c : rat) (j k : option bool) : rat :=
  if k == None then 1 - (if circle j k then a else b) else c - (if circle j k then a else b).

(** Wrong: a judge that charges legal steps nothing determines the values too. *)
Definition wrong_free_legal_steps : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (a b : R) (f : V -> V -> R),
  irreflexive A -> 0 <= a <= b -> 0 < b -> judged_fixed A i a b f -> forall j, j != i ->
  ~~ reaches A i j -> best i f j = 1 - b.

Theorem wrong_free_legal_steps_fails : ~ wrong_free_legal_steps.
Proof.
have irr : irreflexive circle by case=> [[]|].
pose f := circling 0 1 5%:R.
have is_best x : best None f (Some x) = 5%:R.
  rewrite (@best_eq _ _ _ _ _ (Some (~~ x))); first by case: x.
  by case: x => -[[]|].
have fixed : judged_fixed circle None 0 1 f.
  by move=> j [y|] _; rewrite /judged /ahead /= ?is_best.
move=> /(_ _ _ _ _ _ _ _ irr _ _ fixed (Some true)); rewrite is_best => wrong.
suff apart : ~~ reaches circle None (Some true) by have /eqP := wrong isT isT isT apart.
apply/negP => /connectP[p walk_p last]; move: walk_p last.
have stay q x : path circle (Some x) q -> isSome (seq.last (Some x) q).
  by elim: q x => [//|[y|] q IH] x //= /andP[_ /IH].
by move=> /stay some last; rewrite -last in some.
Qed.
