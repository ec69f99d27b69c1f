(** Theorem 5.2: process reward recovers the graph, for every number of nodes.

    The paper: with process reward Q-learning's limit is [A + R - 1], so that adjacency and
    reachability can be read from it.  Here: that table is a fixed point on every graph, the least
    one, the only one where the graph without the target has no cycle (Cycles.v: and only there),
    and the end of the sweeps from every start below reachability, after as many sweeps as there
    are nodes and one more.  What is left out: sampled updates with steps that are not 1 (a stochastic limit). *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** * Finite graphs *)

(** Where it holds at no cycle, a property that some node has holds at a node none of whose next nodes
    has it: follow edges while you can. *)
Lemma last_with (V : finType) (e : rel V) (P : pred V) (x : V) :
  (forall y, P y -> ~~ on_cycle e y) -> P x -> exists2 y, P y & forall z, e y z -> ~~ P z.
Proof.
move=> no_cycle Px.
have [y Py least] := arg_minnP (fun y => #|connect e y|) Px.
exists y => // z edge; apply/negP => Pz.
have := least z Pz; rewrite leqNgt => /negP; apply.
apply/proper_card/properP; split.
  by apply/subsetP => w; apply: connect_trans (connect1 edge).
exists y; first exact: connect0.
by apply: contra (no_cycle y Py) => back; apply/existsP; exists z; rewrite edge.
Qed.

Lemma reaches_step (V : finType) (A : rel V) (i j : V) :
  j != i -> reaches A i j -> exists2 k, A j k & reaches A i k.
Proof.
move=> off /connectP[[/= _ same|k p /= /andP[edge walk] last]]; first by rewrite same eqxx in off.
by exists k => //; apply/connectP; exists p.
Qed.

Lemma step_reaches (V : finType) (A : rel V) (i j k : V) :
  A j k -> reaches A i k -> reaches A i j.
Proof. by move=> edge; apply: connect_trans (connect1 edge). Qed.

(** * What the largest value of a row is, in a fixed point *)
Section Fixed.
Variables (V : finType) (A : rel V) (R : realFieldType) (i : V) (f : V -> V -> R).
Hypothesis fixed : process_fixed A i f.
Notation v := (best i f).

Lemma v_ge0 j : j != i -> 0 <= v j.
Proof.
move=> off; apply: le_trans (best_ge i f j i).
by rewrite fixed // /process /ahead eqxx subrK ler0n.
Qed.

Lemma v_onto j : j != i -> A j i -> 1 <= v j.
Proof.
move=> off edge; apply: le_trans (best_ge i f j i).
by rewrite fixed // /process /ahead eqxx edge subrK.
Qed.

Lemma v_edge j k : j != i -> k != i -> A j k -> v k <= v j.
Proof.
move=> off_j off_k edge; apply: le_trans (best_ge i f j k).
by rewrite fixed // /process /ahead (negPf off_k) edge subrr add0r.
Qed.

(** Where the maximum comes from. *)
Variant origin (j : V) : Prop :=
| Onto of A j i & v j = 1
| Jump of ~~ A j i & v j = 0
| Along k of k != i & A j k & v j = v k
| Across k of k != i & ~~ A j k & v j = v k - 1.

Lemma v_from j : j != i -> origin j.
Proof.
move=> off; have [k vj] := best_at i f j.
move: vj; rewrite fixed // /process /ahead; have [->|off_k] := eqVneq k i.
  by case: (boolP (A j i)) => edge; rewrite subrK => vj; [apply: Onto | apply: Jump].
case: (boolP (A j k)) => edge vj; first by apply: (Along off_k edge); rewrite vj subrr add0r.
by apply: (Across off_k edge); rewrite vj sub0r addrC.
Qed.

Lemma v_reaches j : j != i -> reaches A i j -> 1 <= v j.
Proof.
move=> off /connectP[p]; elim: p j off => [|k p IH] j off /=; first by move=> _ same; rewrite same eqxx in off.
case/andP=> edge walk last; have [same|off_k] := eqVneq k i.
  by apply: v_onto => //; rewrite -same.
exact: le_trans (IH k off_k walk last) (v_edge off off_k edge).
Qed.

Lemma above_reaches j : j != i -> (reaches A i j)%:R <= v j.
Proof. by move=> off; case: (boolP (reaches A i j)) => [/v_reaches->|_] //; apply: v_ge0. Qed.

Hypothesis no_cycle : acyclic (without A i).

Lemma v_le1 j : j != i -> v j <= 1.
Proof.
move=> off; rewrite leNgt; apply/negP => high.
(* The largest of all values, and where it is taken. *)
have [top off_top most] : exists2 t, t != i & forall k, k != i -> v k <= v t.
  by case: (@arg_maxP _ _ _ j (fun t => t != i) v off) => t; exists t.
pose P k := (k != i) && (v k == v top).
have [|y /andP[off_y /eqP at_top] none] := @last_with _ _ P top (fun y _ => forallP no_cycle y).
  by rewrite /P off_top eqxx.
have above : 1 < v y by rewrite at_top (lt_le_trans high) ?most.
case: (v_from off_y) => [_ vy|_ vy|k off_k edge vy|k off_k edge vy].
- by rewrite vy ltxx in above.
- by rewrite vy ltNge ler01 in above.
- have := none k; rewrite /without edge off_y off_k /P /= off_k -vy at_top eqxx.
  by move=> /(_ isT).
- have := most k off_k; rewrite -at_top vy leNgt => /negP; apply.
  by rewrite ltr_subl_addr ltr_addl ltr01.
Qed.

Lemma v_is_reaches j : j != i -> v j = (reaches A i j)%:R.
Proof.
move=> off; apply/le_anti; rewrite above_reaches // andbT.
case: (boolP (reaches A i j)) => [_|lost]; first exact: v_le1.
rewrite leNgt; apply/negP => high.
pose P k := [&& k != i, ~~ reaches A i k & 0 < v k].
have [|y /and3P[off_y lost_y above] none] := @last_with _ _ P j (fun y _ => forallP no_cycle y).
  by rewrite /P off lost.
case: (v_from off_y) => [edge _|_ vy|k off_k edge vy|k off_k edge vy].
- by case/negP: lost_y; apply: step_reaches edge (connect0 _ _).
- by rewrite vy ltxx in above.
- have := none k; rewrite /without edge off_y off_k /P /= off_k -vy above andbT negbK.
  by move=> /(_ isT) /(step_reaches edge); apply/negP.
- by have := v_le1 off_k; rewrite -subr_le0 -vy leNgt above.
Qed.
End Fixed.

(** * The claims *)

Lemma structureE (R : realFieldType) (V : finType) (A : rel V) (i j k : V) :
  structure A R i j k = (A j k)%:R - 1 + (reaches A i k)%:R.
Proof. by rewrite /structure addrAC. Qed.

(** [A + R - 1] is a fixed point on every graph, cycles and self-loops included. *)
Definition structure_is_fixed : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V),
  process_fixed A i (structure A R i).

Lemma best_structure (R : realFieldType) (V : finType) (A : rel V) (i k : V) :
  k != i -> best i (structure A R i) k = (reaches A i k)%:R.
Proof.
move=> off; case: (boolP (reaches A i k)) => [there|lost].
  have [m edge on] := reaches_step off there.
  rewrite (@best_eq _ _ i _ k m) /structure; first by rewrite edge on addrK.
  by move=> m'; rewrite edge on ler_sub // ler_add // ler_nat leq_b1.
have no_edge : A k i = false.
  by apply: contraNF lost => edge; apply: step_reaches edge (connect0 _ _).
rewrite (@best_eq _ _ i _ k i) /structure; first by rewrite no_edge /reaches connect0 add0r subrr.
move=> m; rewrite no_edge {2}/reaches connect0 add0r ler_sub // -natrD ler_nat.
case: (boolP (A k m)) => [edge|_]; last by rewrite leq_b1.
by rewrite [reaches A i m](contraNF _ lost) // => /(step_reaches edge).
Qed.

Theorem structure_is_fixed_holds : structure_is_fixed.
Proof.
move=> R V A i j k off; rewrite structureE /process /ahead; have [->|off_k] := eqVneq k i.
  by rewrite /reaches connect0.
by rewrite best_structure.
Qed.

(** It is the least fixed point, whatever the graph. *)
Definition structure_is_least : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (f : V -> V -> R),
  process_fixed A i f -> forall j k, j != i -> structure A R i j k <= f j k.

Theorem structure_is_least_holds : structure_is_least.
Proof.
move=> R V A i f fixed j k off; rewrite fixed // structureE /process ler_add2l /ahead.
have [->|off_k] := eqVneq k i; first by rewrite lern1 leq_b1.
exact: above_reaches.
Qed.

(** Where the graph without the target has no cycle it is the only one. *)
Definition structure_is_unique : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V), acyclic (without A i) ->
  forall f : V -> V -> R, process_fixed A i f ->
  forall j k, j != i -> f j k = structure A R i j k.

Theorem structure_is_unique_holds : structure_is_unique.
Proof.
move=> R V A i no_cycle f fixed j k off; rewrite fixed // structureE /process /ahead.
congr (_ + _); have [->|off_k] := eqVneq k i; first by rewrite /reaches connect0.
exact: v_is_reaches.
Qed.

(** From a start that promises no more than reachability the sweeps end at it, on every graph,
    after as many sweeps as there are nodes and one more. *)
Definition from_below : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R),
  (forall k, k != i -> best i start k <= (reaches A i k)%:R) ->
  forall m j k, (#|V| < m)%N -> j != i -> iter m (process A i) start j k = structure A R i j k.

Section Below.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R).
Hypothesis below : forall k, k != i -> best i start k <= (reaches A i k)%:R.
Notation after m := (iter m (process A i) start).

Lemma after_le m k : k != i -> best i (after m) k <= (reaches A i k)%:R.
Proof.
elim: m k => [|m IH] k off /=; first exact: below.
rewrite -(best_structure R A off); apply: best_le => k'; apply: le_trans (best_ge i _ k k').
rewrite (structure_is_fixed_holds R A k' off) /process ler_add2l /ahead.
by have [//|off'] := eqVneq k' i; rewrite best_structure // IH.
Qed.

Lemma after_path m p k : k != i -> path A k p -> last k p = i -> (size p <= m)%N ->
  1 <= best i (after m) k.
Proof.
elim: p m k => [|k' p IH] m k off /=; first by move=> _ same; rewrite same eqxx in off.
case/andP=> edge walk end_i; case: m => [//|m] short /=.
apply: le_trans (best_ge i _ k k'); rewrite /process edge subrr add0r /ahead.
by have [//|off'] := eqVneq k' i; apply: IH.
Qed.

Lemma after_ge m k : (#|V| <= m)%N -> k != i -> best i (after m) k = (reaches A i k)%:R.
Proof.
move=> long off; apply/le_anti; rewrite after_le //=.
case: (boolP (reaches A i k)) => [/connectP[p walk end_i]|_].
  case/shortenP: walk end_i => q walk simple _ end_i.
  apply: (@after_path _ q) => //; apply: leq_trans long; apply: ltnW.
  by rewrite -[(size q).+1]/(size (k :: q)) -(card_uniqP simple) max_card.
have: (0 < m)%N by apply: leq_trans long; apply/card_gt0P; exists i.
case: m {long} => // m _ /=; apply: le_trans (best_ge i _ k i).
by rewrite /process /ahead eqxx subrK ler0n.
Qed.
End Below.

Theorem from_below_holds : from_below.
Proof.
move=> R V A i start below [//|m] j k; rewrite ltnS => long off /=.
rewrite structureE /process /ahead; congr (_ + _).
have [->|off_k] := eqVneq k i; first by rewrite /reaches connect0.
exact: after_ge.
Qed.

(** All feasible steps are worth the same, 1: no correct next node is preferred. *)
Definition feasible_steps_tie : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i j k : V), j != i ->
  (structure A R i j k == 1) = is_next A i j k.

Theorem feasible_steps_tie_holds : feasible_steps_tie.
Proof.
move=> R V A i j k off; rewrite /structure /is_next -natrD -subr_eq0.
rewrite -addrA -opprD -(natrD _ 1 1) subr_eq0 eqr_nat.
by case: (A j k); case: (reaches A i k).
Qed.

(** Wrong: adjacency alone is recovered, [f = A]. *)
Definition wrong_adjacency_alone : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (f : V -> V -> R),
  process_fixed A i f -> forall j k, j != i -> f j k = (A j k)%:R.

Theorem wrong_adjacency_alone_fails : ~ wrong_adjacency_alone.
Proof.
pose A : rel bool := fun _ _ => false.
move=> /(_ [realFieldType of rat] _ A true _ (@structure_is_fixed_holds _ _ A true)).
move=> /(_ false false isT); rewrite /structure.
have -> : reaches A true false = false.
  by apply/connectP => -[[|k p] /=].
by [].
Qed.

(** Wrong: reachability alone, [f = R]; an illegal step would look as good as a legal one. *)
Definition wrong_reachability_alone : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (f : V -> V -> R),
  process_fixed A i f -> forall j k, j != i -> f j k = (reaches A i k)%:R.

Theorem wrong_reachability_alone_fails : ~ wrong_reachability_alone.
Proof.
pose A : rel bool := fun _ _ => false.
move=> /(_ [realFieldType of rat] _ A true _ (@structure_is_fixed_holds _ _ A true)).
by move=> /(_ false true isT); rewrite /structure /reaches connect0.
Qed.

(** Wrong: from a start that promises no more than reachability one sweep is enough. *)
Definition wrong_at_once : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R),
  (forall k, k != i -> best i start k <= (reaches A i k)%:R) ->
  forall j k, j != i -> process A i start j k = structure A R i j k.

Theorem wrong_at_once_fails : ~ wrong_at_once.
Proof.
(* 0 -> 1 -> 2: the step 0 -> 1 is worth 1, and zeros say 0 after a sweep. *)
pose A : rel 'I_3 := fun j k => val k == (val j).+1.
move=> wrong; pose zeros (_ _ : 'I_3) : rat := 0.
have flat k : best (inord 2) zeros k = 0 by exact: (@best_eq _ _ (inord 2) zeros k k).
have below k : k != inord 2 -> best (inord 2) zeros k <= (reaches A (inord 2) k)%:R.
  by rewrite flat ler0n.
have far a b : (a < 3)%N -> (b < 3)%N -> a != b -> (inord a : 'I_3) != inord b.
  by move=> la lb; rewrite -val_eqE /= !inordK.
have edge a b : (a < 3)%N -> (b < 3)%N -> A (inord a) (inord b) = (b == a.+1).
  by move=> la lb; rewrite /A /= !inordK.
have := wrong _ _ A (inord 2) zeros below (inord 0) (inord 1) (far 0%N 2%N isT isT isT).
rewrite /process /ahead flat /structure edge // (negPf (far 1%N 2%N isT isT isT)).
by have -> : reaches A (inord 2) (inord 1) by apply: connect1; rewrite edge.
Qed.
