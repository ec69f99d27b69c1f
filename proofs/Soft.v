(** Soft values: a base policy and a penalty for leaving it in place of the maximum.

    Not in the paper (arXiv 2509.22613).  Here, for every finite graph and with episodes that an
    illegal step ends: the soft values are determined, cycles or not, by the base's chance of
    success; the policy that they give succeeds with odds higher by one factor for all problems; and
    among right answers it keeps the proportions of its base.
    What is left out: that the base's success has a solution (it has one, a limit of sums), that
    learning converges, and limits in the weight [lambda].  [X] stands for [e^(1 / lambda)]. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** A base policy of full support: positive rows of sum 1. *)
Definition base_policy (R : realFieldType) (V : finType) (b : V -> V -> R) :=
  (forall j k, 0 < b j k) /\ (forall j, \sum_k b j k = 1).

(** The soft Bellman equation with ended episodes, for [W = e^(V / lambda)]; [X = e^(1 / lambda)]
    is what the target is worth, 1 what an illegal step is worth. *)
Definition soft_fixed (R : realFieldType) (V : finType) (A : rel V) (i : V)
    (b : V -> V -> R) (X : R) (W : V -> R) :=
  forall j, j != i ->
  W j = \sum_k b j k * (if A j k then (if k == i then X else W k) else 1).

(** The base policy's chance to reach the target by legal steps. *)
Definition base_success (R : realFieldType) (V : finType) (A : rel V) (i : V)
    (b : V -> V -> R) (p : V -> R) :=
  forall j, j != i ->
  p j = \sum_k b j k * (if A j k then (if k == i then 1 else p k) else 0).

(** In closed form: [1 + (X - 1) p] solves the equation. *)
Definition soft_closed_form : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R) (X : R)
         (p : V -> R),
  base_policy b -> base_success A i b p -> soft_fixed A i b X (fun j => 1 + (X - 1) * p j).

Theorem soft_closed_form_holds : soft_closed_form.
Proof.
move=> R V A i b X p [_ total] chance j off; rewrite (chance j off) -{1}(total j) mulr_sumr.
rewrite -big_split; apply: eq_bigr => k _ /=.
by case: (A j k); case: (k == i); ring.
Qed.

(** On every graph, cycles included, nothing else does: a step onto the target always has positive
    probability, and it ends the episode. *)
Definition soft_unique : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R) (X : R)
         (W W' : V -> R),
  base_policy b -> soft_fixed A i b X W -> soft_fixed A i b X W' ->
  forall j, j != i -> W j = W' j.

Theorem soft_unique_holds : soft_unique.
Proof.
move=> R V A i b X W W' [pos total] sol sol' j0 off0.
have b_ge0 j k : 0 <= b j k := ltW (pos j k).
pose D k := `|W k - W' k|.
case: (@arg_maxP _ R V j0 (fun k => k != i) D off0) => j off most.
have shrink : D j <= (1 - b j i) * D j.
  rewrite {1}/D (sol j off) (sol' j off) -sumrB (bigD1 i) //= eqxx subrr add0r.
  have -> : 1 - b j i = \sum_(k | k != i) b j k.
    by rewrite -(total j) (bigD1 i) //= addrC addKr.
  rewrite mulr_suml (le_trans (ler_norm_sum _ _ _)) // ler_sum // => k off_k.
  rewrite (negPf off_k) -mulrBr normrM (ger0_norm (b_ge0 j k)) ler_wpmul2l //.
  by case: ifP => _; [apply: most | rewrite subrr normr0 normr_ge0].
have D0 : D j <= 0.
  move: shrink; rewrite mulrBl mul1r ler_subr_addr ger_addl.
  by rewrite pmulr_rle0.
by apply/eqP; rewrite -subr_eq0 -normr_le0 (le_trans (most j0 off0)).
Qed.

(** Both together, the form to read: a soft value is [1 + (X - 1)] times the base's success. *)
Definition soft_values_are_success : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R) (X : R)
         (p W : V -> R),
  base_policy b -> base_success A i b p -> soft_fixed A i b X W ->
  forall j, j != i -> W j = 1 + (X - 1) * p j.

Theorem soft_values_are_success_holds : soft_values_are_success.
Proof.
move=> R V A i b X p W base chance sol j off.
exact: (soft_unique_holds base sol (soft_closed_form_holds X base chance)).
Qed.

(** The policy of soft values: the base tilted by them; toward the target itself the base. *)
Definition soft_policy (R : realFieldType) (V : finType) (A : rel V) (i : V)
    (b : V -> V -> R) (X : R) (W : V -> R) : V -> V -> R :=
  fun j k => if j == i then b j k
             else b j k * (if A j k then (if k == i then X else W k) else 1) / W j.

(** The chance to write these nodes, one after the other, from [j] on. *)
Fixpoint along (R : realFieldType) (V : finType) (u : V -> V -> R) (j : V) (p : seq V) : R :=
  if p is k :: rest then u j k * along u k rest else 1.

(** Right answers keep their proportions: each is as likely as the base makes it, times one factor
    for all answers to a problem. *)
Definition soft_keeps_proportions : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R) (X : R)
         (W : V -> R) (j : V) (p : seq V),
  (forall k, k != i -> W k != 0) -> j != i ->
  path A j p -> last j p = i -> i \notin belast j p ->
  along (soft_policy A i b X W) j p = along b j p * (X / W j).

Theorem soft_keeps_proportions_holds : soft_keeps_proportions.
Proof.
move=> R V A i b X W j p nonzero; elim: p j => [|k p IH] j off /=.
  by move=> _ last; rewrite last eqxx in off.
move=> /andP[legal walk] last; rewrite inE negb_or => /andP[_ notin].
rewrite /soft_policy (negPf off) legal; case: (eqVneq k i) => [at_i|off_k].
  have -> : p = [::].
    by case: p walk last notin {IH} => [//|m p] _ _ /=; rewrite at_i inE eqxx.
  by rewrite /= !mulr1 mulrA.
rewrite IH // -/(soft_policy _ _ _ _ _).
have W_k := nonzero k off_k; have W_j := nonzero j off.
by field; rewrite W_k W_j.
Qed.

(** And success has the base's odds times [X]: its chance is [X p / (1 + (X - 1) p)]. *)
Definition soft_success : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R) (X : R)
         (p W q : V -> R),
  base_policy b -> 0 < X -> base_success A i b p -> soft_fixed A i b X W ->
  (forall k, 0 < W k) -> base_success A i (soft_policy A i b X W) q ->
  forall j, j != i -> q j * (1 + (X - 1) * p j) = X * p j.

(** A base policy tilted by positive values is a policy of full support again. *)
Lemma soft_policy_is_policy (R : realFieldType) (V : finType) (A : rel V) (i : V)
    (b : V -> V -> R) (X : R) (W : V -> R) :
  base_policy b -> 0 < X -> soft_fixed A i b X W -> (forall k, 0 < W k) ->
  base_policy (soft_policy A i b X W).
Proof.
move=> [pos total] X_gt0 sol W_gt0; split=> [j k|j]; rewrite /soft_policy.
  case: ifP => [_|_]; first exact: pos.
  rewrite divr_gt0 ?mulr_gt0 //; case: ifP => [_|_]; last exact: ltr01.
  by case: ifP.
case: (eqVneq j i) => [_|off]; first exact: total.
rewrite -mulr_suml -(sol j off) divff //.
by rewrite gt_eqF.
Qed.

(** The chance of success is determined: it is what the target is worth 2 for, less 1. *)
Lemma success_unique (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R)
    (p q : V -> R) :
  base_policy b -> base_success A i b p -> base_success A i b q ->
  forall j, j != i -> p j = q j.
Proof.
move=> base of_p of_q j off.
have := soft_unique_holds base (soft_closed_form_holds 2%:R base of_p)
  (soft_closed_form_holds 2%:R base of_q) off.
by rewrite -[2%:R]/(1 + 1) addrK !mul1r => /addrI.
Qed.

Theorem soft_success_holds : soft_success.
Proof.
move=> R V A i b X p W q base X_gt0 of_p sol W_gt0 of_q j off.
have closed := soft_values_are_success_holds base of_p sol.
pose r k := X * p k / W k.
have of_r : base_success A i (soft_policy A i b X W) r.
  move=> k off_k; rewrite /r (of_p k off_k) mulr_sumr mulr_suml; apply: eq_bigr => m _.
  rewrite /soft_policy (negPf off_k); case: (A k m); last by rewrite !mulr0 mul0r.
  case: (eqVneq m i) => [_|off_m]; first by ring.
  have W_m : W m != 0 by rewrite gt_eqF.
  have W_k : W k != 0 by rewrite gt_eqF.
  by field; rewrite W_m W_k.
have tilted := soft_policy_is_policy base X_gt0 sol W_gt0.
rewrite (success_unique tilted of_q of_r off) /r -(closed j off).
by rewrite divfK // gt_eqF.
Qed.

(** Wrong: success is multiplied by the factor of the target. *)
Definition wrong_success_is_scaled : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R) (X : R)
         (p W q : V -> R),
  base_policy b -> 1 < X -> base_success A i b p -> soft_fixed A i b X W ->
  (forall k, 0 < W k) -> base_success A i (soft_policy A i b X W) q ->
  forall j, j != i -> q j = X * p j.

Theorem wrong_success_is_scaled_fails : ~ wrong_success_is_scaled.
Proof.
pose A : rel bool := fun j k => ~~ j && k; pose b (j k : bool) : rat := 2%:R^-1.
pose p (j : bool) : rat := 2%:R^-1; pose W (j : bool) : rat := 2%:R; pose q (j : bool) : rat := 3%:R / 4%:R.
move=> /(_ _ _ A true b 3%:R p W q) wrong.
have base : base_policy b by split=> [//|j]; rewrite big_bool.
have of_p : base_success A true b p by case=> // _; rewrite big_bool.
have sol : soft_fixed A true b 3%:R W by case=> // _; rewrite big_bool.
have of_q : base_success A true (soft_policy A true b 3%:R W) q by case=> // _; rewrite big_bool.
by have /eqP := wrong base isT of_p sol (fun=> isT) of_q false isT.
Qed.

(** Wrong: soft values are unique whatever the base policy, full support or not. *)
Definition wrong_any_base : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (b : V -> V -> R) (X : R)
         (W W' : V -> R),
  (forall j k, 0 <= b j k) -> (forall j, \sum_k b j k = 1) ->
  soft_fixed A i b X W -> soft_fixed A i b X W' -> forall j, j != i -> W j = W' j.

Theorem wrong_any_base_fails : ~ wrong_any_base.
Proof.
pose b (j k : bool) : rat := (~~ k)%:R; pose A : rel bool := fun _ _ => true.
move=> /(_ _ _ A true b 2%:R (fun=> 0) (fun=> 1)) wrong.
have total j : \sum_k b j k = 1 by rewrite big_bool.
have nonneg j k : 0 <= b j k by rewrite ler0n.
have sol x : soft_fixed A true b 2%:R (fun=> x).
  by move=> j _; rewrite big_bool /b /= mul0r mul1r add0r.
by have /eqP := wrong nonneg total (sol 0) (sol 1) false isT.
Qed.
