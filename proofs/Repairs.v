(** What repairs outcome reward, and what it costs: ended episodes, a noisy judge, soft values.

    Not in the paper (arXiv 2509.22613), whose Theorem 5.1 is about outcome reward with episodes
    that go on after an illegal step, and Theorem 5.2 about an exact judge.  Here, for every finite
    graph: with episodes that an illegal step ends, legal-and-reachable is a fixed point, the only
    one just when the graph without the target has no cycle; with a judge that also charges legal
    steps the values of a fixed point are determined on every graph and prefer short paths; with
    soft values they are too, in closed form by the base policy's success probability.
    What is left out: that the judge's equation and that of the base's success have a solution
    (here: what every solution is), that learning converges, the policies that the values give,
    and limits in the weight [lambda]. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning T5_2.
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

(** Two nodes on a cycle beside a target that nobody reaches. *)
Definition circle : rel (option bool) :=
  fun j k => if (j, k) is (Some x, Some y) then x != y else false.

(** The value [c] on that circle, for costs [a] legal and [b] illegal. *)
Definition circling (a b c : rat) (j k : option bool) : rat :=
  if k == None then 1 - (if circle j k then a else b) else c - (if circle j k then a else b).

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
