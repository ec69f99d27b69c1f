(** Ended episodes: outcome reward, and an illegal step that ends the episode with nothing.

    Not in the paper (arXiv 2509.22613), whose Theorem 5.1 is about outcome reward with episodes
    that go on after an illegal step.  Here, for every finite graph: legal-and-reachable is a fixed
    point, and the only one just when the graph without the target has no cycle.
    What is left out: that learning converges, and which starts find it on a graph with cycles. *)
From mathcomp Require Import all_ssreflect all_algebra.
From Planning Require Import Planning Orders T5_2.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** Legal and able to reach the target: the structure, without legality and reach apart. *)
Definition is_next_value (R : realFieldType) (V : finType) (A : rel V) (i j k : V) : R :=
  (is_next A i j k)%:R.

(** Ended episodes: it is a fixed point on every graph, self-loops and cycles included. *)
Definition ended_structure_is_fixed : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V),
  ended_fixed A i (is_next_value R A i).

Lemma best_is_next (R : realFieldType) (V : finType) (A : rel V) (i j : V) :
  j != i -> best i (is_next_value R A i) j = (reaches A i j)%:R.
Proof.
move=> off; have [far|unreachable] := boolP (reaches A i j).
  have [k edge there] := reaches_step off far.
  have ok : is_next A i j k by rewrite /is_next edge.
  by rewrite (@best_eq _ _ _ _ _ k) /is_next_value ?ok // => m; rewrite lern1; case: is_next.
case: (best_at i (is_next_value R A i) j) => k ->; rewrite /is_next_value.
by case: (boolP (is_next A i j k)) => // /andP[edge /(step_reaches edge)]; rewrite (negPf unreachable).
Qed.

Theorem ended_structure_is_fixed_holds : ended_structure_is_fixed.
Proof.
move=> R V A i j k off; rewrite /ended /ahead /is_next_value /is_next.
case: (A j k) => //=; have [->|off_k] := eqVneq k i; first by rewrite /reaches connect0.
by rewrite best_is_next.
Qed.

(** It is the only one, for rows other than the target's, just when the graph without the target
    has no cycle. *)
Definition ended_unique_iff_acyclic : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V),
  (forall f : V -> V -> R, ended_fixed A i f ->
     forall j k, j != i -> f j k = is_next_value R A i j k)
  <-> acyclic (without A i).

(** Induction along the edges of a graph without cycles. *)
Lemma acyclic_ind (V : finType) (e : rel V) (P : V -> Prop) : acyclic e ->
  (forall x, (forall y, e x y -> P y) -> P x) -> forall x, P x.
Proof.
move=> /forallP none step x; have [n] := ubnP #|connect e x|; elim: n x => // n IH x small.
apply: step => y edge; apply: IH; apply: leq_trans (small : (#|connect e x| <= n)%N).
apply: proper_card; apply/properP; split.
  by apply/subsetP => z; apply: connect_trans (connect1 edge).
exists x; first exact: connect0.
by apply: contra (none x) => back; apply/existsP; exists y; rewrite edge.
Qed.

(** With a cycle off the target, whatever can walk into it there may be worth 2. *)
Lemma cycle_is_worth (R : realFieldType) (V : finType) (A : rel V) (i x : V) :
  on_cycle (without A i) x -> exists f : V -> V -> R,
  ended_fixed A i f /\ exists2 j, j != i & exists k, f j k = 2%:R.
Proof.
case/existsP=> y /andP[edge back]; set e := without A i in edge back.
have [legal off_x off_y] : [/\ A x y, x != i & y != i] by case/and3P: edge.
pose v k : R := if connect e k x then 2%:R else (reaches A i k)%:R.
pose f j k : R := if A j k then (if k == i then 1 else v k) else 0.
have v_le2 k : v k <= 2%:R.
  by rewrite /v; case: ifP => _; rewrite // (ler_nat R _ 2); case: reaches.
have f_le2 j k : f j k <= 2%:R.
  by rewrite /f; case: ifP => _; rewrite ?ler0n //; case: ifP => _; rewrite // (ler_nat R 1 2).
have is_best k : k != i -> best i f k = v k.
  move=> off_k; rewrite [in RHS]/v; case: ifP => [into|apart].
    suff [m at2] : exists m, f k m = 2%:R by rewrite (@best_eq _ _ _ _ _ m) at2.
    have [m km mx] : exists2 m, e k m & connect e m x.
      case/connectP: into => [[|m p] /= walk last]; first by exists y; rewrite -?last.
      by case/andP: walk => km walk; exists m => //; apply/connectP; exists p.
    by exists m; case/and3P: km => km _ /negPf off_m; rewrite /f km off_m /v mx.
  rewrite -best_is_next //; apply: best_ext => m; rewrite /f /is_next_value /is_next.
  case: ifP => //= km; case: eqVneq => [->|off_m]; first by rewrite /reaches connect0.
  rewrite /v; case: ifP => // into; case/negP: (negbT apart).
  by apply: connect_trans (connect1 _) into; rewrite /e /without km off_k.
exists f; split=> [j k off_j|].
  by rewrite /ended /ahead {1}/f; case: ifP => // _; case: eqVneq => // off_k; rewrite is_best.
by exists x => //; exists y; rewrite /f legal (negPf off_y) /v back.
Qed.

Theorem ended_unique_iff_acyclic_holds : ended_unique_iff_acyclic.
Proof.
move=> R V A i; split=> [only|none f fixed j k off_j].
  apply/forallP => x; apply/negP => /(cycle_is_worth R)[f [fixed [j off_j [k]]]].
  rewrite (only f fixed j k off_j) => /eqP.
  by rewrite (eqr_nat R _ 2); case: is_next.
pose P j := j != i -> forall k, f j k = is_next_value R A i j k.
suff all : forall j, P j by apply: all.
apply: (acyclic_ind none) => {off_j}j IH off_j {}k.
rewrite (fixed j k off_j) (@ended_structure_is_fixed_holds R V A i j k off_j) /ended /ahead.
case: ifP => // legal; case: eqVneq => // off_k.
by apply: best_ext => m; apply: IH; rewrite // /without legal off_j off_k.
Qed.

(** Two nodes on a cycle beside a target that nobody reaches. *)
Definition circle : rel (option bool) :=
  fun j k => if (j, k) is (Some x, Some y) then x != y else false.

(** Wrong: with ended episodes the fixed point is unique on every graph. *)
Definition wrong_ended_unique : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V), irreflexive A ->
  forall f : V -> V -> R, ended_fixed A i f ->
  forall j k, j != i -> f j k = is_next_value R A i j k.

Theorem wrong_ended_unique_fails : ~ wrong_ended_unique.
Proof.
have irr : irreflexive circle by case=> [[]|].
move=> /(_ [realFieldType of rat] _ circle None irr)/ended_unique_iff_acyclic_holds/forallP.
move=> /(_ (Some true))/negP; apply; apply/existsP; exists (Some false) => /=.
by apply: connect1.
Qed.
