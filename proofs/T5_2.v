(** Theorem 5.2: process reward recovers the graph, for every number of nodes.

    The paper: with process reward Q-learning's limit is [A + R - 1], so that adjacency and
    reachability can be read from it.  Here: that table is a fixed point on every graph, the least
    one, the only one where the graph without the target has no cycle (Cycles.v: and only there);
    the end of the sweeps from every start below reachability, after as many sweeps as there
    are nodes and one more; and the limit of every order of updates with steps of at most 1, those
    of each entry summing to infinity, from every start where the graph without the target has no
    cycle, and from every start below reachability elsewhere.  Since no goal depends on chance,
    that is the limit of sampled Q-learning, sample by sample.  What is left out: that exploration
    updates every entry again and again, with probability 1 (the theorem's assumption). *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning Orders.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

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
move=> off /connectP[p]; elim: p j off => [|k p IH] j off /=.
  by move=> _ same; rewrite same eqxx in off.
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

(** Any order, any start: where the graph without the target has no cycle, a run with steps of at
    most 1, those of each entry summing to infinity, comes to [A + R - 1].  ([no_infinity] holds of
    all real numbers; a fall from an infinite value would take infinitely many steps of 1.) *)
Definition fair_orders_converge : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  acyclic (without A i) -> no_infinity i (f 0%N) -> run A i a f -> steps_to1 a -> fair i a ->
  comes_to i f (structure A R i).

Theorem fair_orders_converge_holds : fair_orders_converge.
Proof.
move=> R V A i a f no_cycle [m bounded] is_run small.
exact: (@comes_in_basin R V A i a f is_run small m bounded (in_basin_acyclic _ no_cycle)).
Qed.

(** With cycles the same holds from a start that promises no more than reachability. *)
Definition fair_orders_from_below : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  (forall k, k != i -> best i (f 0%N) k <= (reaches A i k)%:R) ->
  run A i a f -> steps_to1 a -> fair i a -> comes_to i f (structure A R i).

Theorem fair_orders_from_below_holds : fair_orders_from_below.
Proof.
move=> R V A i a f below is_run small.
apply: (@comes_in_basin _ _ _ _ _ _ is_run small 1%N) (in_basin_below below) => k off.
by apply: le_trans (below k off) _; rewrite lern1 leq_b1.
Qed.

(** Where each entry is now and then replaced by its goal, whatever steps of at most 1 are made
    between, the table is [A + R - 1] from some time on. *)
Definition replacing_orders_arrive : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  acyclic (without A i) -> no_infinity i (f 0%N) -> run A i a f -> steps_to1 a ->
  (forall j k T, j != i -> exists2 t, (T <= t)%N & a t j k = 1) ->
  exists T : nat, forall t j k, (T <= t)%N -> j != i -> f t j k = structure A R i j k.

Theorem replacing_orders_arrive_holds : replacing_orders_arrive.
Proof.
move=> R V A i a f no_cycle [m bounded] is_run small.
exact: (@arrives_in_basin R V A i a f is_run small m bounded (in_basin_acyclic _ no_cycle)).
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

(** The run of given steps from a start. *)
Fixpoint follow (R : realFieldType) (V : finType) (A : rel V) (i : V) (a : nat -> V -> V -> R)
    (start : V -> V -> R) (t : nat) : V -> V -> R :=
  if t is t'.+1 then let f := follow A i a start t' in
    fun j k => f j k + a t' j k * (process A i f j k - f j k) else start.

Lemma follow_run (R : realFieldType) (V : finType) (A : rel V) (i : V) (a : nat -> V -> V -> R)
  (start : V -> V -> R) : run A i a (follow A i a start).
Proof. by []. Qed.

(** No edges, the target is [true]: the step onto it is worth 0. *)
Definition no_edge : rel bool := fun _ _ => false.

Lemma no_edge_acyclic : acyclic (without no_edge true).
Proof. by apply/forallP => x; apply/existsP => -[y /andP[/and3P[]]]. Qed.

Lemma onto_is0 (R : realFieldType) : structure no_edge R true false true = 0.
Proof. by rewrite /structure /reaches connect0 add0r subrr. Qed.

Lemma follow_onto (R : realFieldType) (a : nat -> bool -> bool -> R) start t :
  follow no_edge true a start t.+1 false true
  = follow no_edge true a start t false true * (1 - a t false true).
Proof. by rewrite /= /process /ahead /= subrK sub0r mulrN mulrBr mulr1 mulrC. Qed.

Lemma constant_fair (R : archiFieldType) (V : finType) (i : V) (c : R) :
  1 <= c -> fair i (fun _ (_ _ : V) => c).
Proof.
move=> large j k _ M; exists (Num.bound `|M|).
rewrite sumr_const card_ord (le_trans (ler_norm M)) //.
apply: le_trans (ltW (archi_boundP (normr_ge0 M))) _.
by rewrite -[X in X <= _]mulr1 mulr_natl ler_muln2r large orbT.
Qed.

(** Wrong: any fair order comes to it on every graph; a self-loop keeps a high start. *)
Definition wrong_fair_on_every_graph : Prop :=
  forall (R : archiFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  run A i a f -> steps_to1 a -> fair i a -> comes_to i f (structure A R i).

Theorem wrong_fair_on_every_graph_fails : ~ wrong_fair_on_every_graph.
Proof.
pose A : rel bool := fun j k => ~~ k; pose high (j k : bool) : rat := if k then 0 else 2%:R.
have best_high j : best true high j = 2%:R by apply: (@best_eq _ _ true high j false); case.
have is_run : run A true (fun _ _ _ => 1) (fun _ => high).
  by move=> t [] [] // _; rewrite /process /ahead /= ?best_high.
move=> /(_ [archiFieldType of rat] _ A true _ _ is_run (fun _ _ _ => isT)).
move=> /(_ (constant_fair (lexx 1)) 1 isT)[T /(_ T false false (leqnn T) isT)].
rewrite /structure; have -> // : reaches A true false = false.
by apply/negbTE/negP => /connectP[p]; elim: p => [//|[] p IH] //=.
Qed.

(** Wrong: it is enough that every entry moves again and again, by steps above 0; steps that
    shrink too fast stop on the way. *)
Definition wrong_steps_may_die_out : Prop :=
  forall (R : archiFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  acyclic (without A i) -> run A i a f -> steps_to1 a -> (forall t j k, 0 < a t j k) ->
  comes_to i f (structure A R i).

Theorem wrong_steps_may_die_out_fails : ~ wrong_steps_may_die_out.
Proof.
pose a (t : nat) (_ _ : bool) : rat := (t.+2%:R ^+ 2)^-1.
have a0 t j k : 0 < a t j k by rewrite invr_gt0 exprn_gt0 ?ltr0n.
have small : steps_to1 a.
  by move=> t j k; rewrite ltW //= invf_le1 ?exprn_gt0 ?ltr0n // exprn_ege1 // (ler_nat _ 1).
have is_run := @follow_run _ _ no_edge true a (fun _ _ => 1).
move=> /(_ _ _ _ _ a _ no_edge_acyclic is_run small a0 4%:R^-1 isT)[T].
move=> /(_ T false true (leqnn T) isT); rewrite onto_is0 subr0.
have -> : follow no_edge true a (fun _ _ => 1) T false true = (1 + T.+1%:R^-1) / 2%:R.
  elim: T => [|T IH]; first by [].
  rewrite follow_onto {}IH /a -[T.+2]addn2 -[T.+1]addn1 !natrD.
  have T0 : (0 : rat) <= T%:R by rewrite ler0n.
  by field; rewrite !gt_eqF // ltr_spaddr.
have T0 : (0 : rat) <= T.+1%:R^-1 by rewrite invr_ge0 ler0n.
rewrite ger0_norm ?divr_ge0 ?addr_ge0 // leNgt => /negP[].
by rewrite ltr_pdivl_mulr // (@lt_le_trans _ _ 1) // ler_addl.
Qed.

(** Wrong: steps of any size will do; steps of 2 throw an entry from side to side. *)
Definition wrong_any_step_size : Prop :=
  forall (R : archiFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  acyclic (without A i) -> run A i a f -> (forall t j k, 0 <= a t j k) -> fair i a ->
  comes_to i f (structure A R i).

Theorem wrong_any_step_size_fails : ~ wrong_any_step_size.
Proof.
pose a (t : nat) (_ _ : bool) : rat := 2%:R.
have is_run := @follow_run _ _ no_edge true a (fun _ _ => 1).
move=> /(_ [archiFieldType of rat] _ _ _ a _ no_edge_acyclic is_run (fun _ _ _ => isT)).
move=> /(_ (@constant_fair _ _ true 2%:R (ler1n _ 2)) 2%:R^-1 isT)[T].
move=> /(_ T false true (leqnn T) isT).
rewrite onto_is0 subr0; suff -> : `|follow no_edge true a (fun _ _ => 1) T false true| = 1 by [].
by elim: T => [|T IH]; rewrite ?normr1 // follow_onto normrM IH /a mul1r.
Qed.
