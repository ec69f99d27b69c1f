(** Theorem 5.1: outcome reward loses the graph, for every number of nodes and all real values.

    The paper: in every stable point under persistent exploration [f(i, j)[k] = c_i] for all
    [j <> i] and [k <> i].  Here: the set of fixed points of the Bellman equation, exactly, the
    values of steps onto the target left free.  No edge occurs in it.  What is left out: that
    sampled Q-learning converges to a fixed point at all (a stochastic limit). *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** One constant off the target, which no step onto the target exceeds. *)
Definition one_constant (R : realFieldType) (V : finType) (i : V) (f : V -> V -> R) (c : R) :=
  (forall j k, j != i -> k != i -> f j k = c) /\ (forall j, j != i -> f j i <= c).

(** The fixed points are the constants, and only those; there is a node other than the target. *)
Definition fixed_points : Prop :=
  forall (R : realFieldType) (V : finType) (i : V), (exists j, j != i) ->
  forall f : V -> V -> R, outcome_fixed i f <-> exists c, one_constant i f c.

Theorem fixed_points_holds : fixed_points.
Proof.
move=> R V i [j0 off0] f; split=> [fixed|[c [alike below]] j k off_j off_k].
  have least j k : j != i -> k != i -> best i f k <= best i f j.
    by move=> off_j off_k; rewrite -(fixed j k) ?best_ge.
  have same j : j != i -> best i f j = best i f j0.
    by move=> off_j; apply/le_anti; rewrite !least.
  exists (best i f j0); split=> [j k off_j off_k|j off_j]; first by rewrite fixed ?same.
  by rewrite -(same j off_j) best_ge.
rewrite alike // (@best_eq _ _ i f k k) ?alike // => m.
by have [->|off_m] := eqVneq m i; [apply: below | rewrite alike].
Qed.

(** In a row all steps off the target are worth the same, the row's largest value: no edge can be
    read from them. *)
Definition no_edge_matters : Prop :=
  forall (R : realFieldType) (V : finType) (i : V) (f : V -> V -> R) (c : R),
  one_constant i f c -> (exists j, j != i) ->
  forall j k k', j != i -> k != i -> k' != i -> f j k = f j k' /\ f j k = best i f j.

Theorem no_edge_matters_holds : no_edge_matters.
Proof.
move=> R V i f c [alike below] some j k k' off_j off_k off_k'.
have fixed : outcome_fixed i f by apply/fixed_points_holds => //; exists c.
by split; [rewrite !alike | rewrite -(fixed j j) ?alike].
Qed.

(** The constant is not determined: every number not below a row's step onto the target is one. *)
Definition constants_are_free : Prop :=
  forall (R : realFieldType) (V : finType) (i : V) (onto : V -> R) (c : R),
  (forall j, j != i -> onto j <= c) ->
  outcome_fixed i (fun j k => if k == i then onto j else c).

Theorem constants_are_free_holds : constants_are_free.
Proof.
move=> R V i onto c below j k off_j off_k.
have [k' at_k'] := best_at i (fun j k => if k == i then onto j else c) k.
rewrite (negPf off_k); apply/esym.
rewrite (@best_eq _ _ i _ k k) ?(negPf off_k) // => m.
by case: ifP => // _; apply: below.
Qed.

(** An update with a step in [0, 1] toward the largest value of the next row never exceeds what
    bounds the values so far and the rewards: by induction, no value of a run ever does. *)
Definition running_maximum : Prop :=
  forall (R : realFieldType) (V : finType) (i : V) (f : V -> V -> R) (j k : V) (step reward M : R),
  0 <= step <= 1 -> reward <= M -> (forall j k, f j k <= M) ->
  f j k + step * ((if k == i then reward else best i f k) - f j k) <= M.

Theorem running_maximum_holds : running_maximum.
Proof.
move=> R V i f j k step reward M /andP[low high] onto below.
set aim := if _ then _ else _.
have {onto} aim_le : aim <= M by rewrite /aim; case: ifP => // _; apply: best_le.
have -> : f j k + step * (aim - f j k) = (1 - step) * f j k + step * aim by ring.
have -> : M = (1 - step) * M + step * M by rewrite -mulrDl subrK mul1r.
by apply: ler_add; apply: ler_wpmul2l; rewrite ?subr_ge0.
Qed.

(** Wrong: the constant is the largest value of a step onto the target. *)
Definition wrong_equal_to_the_largest : Prop :=
  forall (R : realFieldType) (V : finType) (i : V), (exists j, j != i) ->
  forall f : V -> V -> R, outcome_fixed i f ->
  exists2 j, j != i & forall k, k != i -> f j k = f j i.

Theorem wrong_equal_to_the_largest_fails : ~ wrong_equal_to_the_largest.
Proof.
move=> /(_ [realFieldType of rat] [finType of bool] true (ex_intro _ false isT)).
case/(_ _ (@constants_are_free_holds _ _ true (fun=> 0) 1 _)) => [//|j off_j /(_ false isT)] /=.
by move/eqP; rewrite oner_eq0.
Qed.

(** Wrong: values are chances of success, so that the constant is at most 1. *)
Definition wrong_at_most_one : Prop :=
  forall (R : realFieldType) (V : finType) (i : V) (f : V -> V -> R),
  (forall j, j != i -> 0 <= f j i <= 1) -> outcome_fixed i f ->
  forall j k, j != i -> k != i -> f j k <= 1.

Theorem wrong_at_most_one_fails : ~ wrong_at_most_one.
Proof.
move=> /(_ [realFieldType of rat] [finType of bool] true _ _
  (@constants_are_free_holds _ _ true (fun=> 0) 2%:R _)) wrong.
by have := wrong _ _ false false isT isT; rewrite /= => /(_ _ _)/negP; apply.
Qed.
