(** Where Theorems 5.2 and 5.3 stop holding: cycles off the target.

    Ours, for every number of nodes: what all fixed points are (the chapter's part (a), said without
    components); that the fixed point is unique if and only if the graph without the target has no
    cycle (c); that otherwise the set of fixed points has no upper bound, and in the large ones
    every step onto the target looks worse than another, so that the greedy policy never arrives.
    A discount leaves one fixed point at most on every graph.  That reachability is the least
    solution (b) and the end of sweeps from below (d) stands in T5_2.v.  What is left out: (e),
    which starts above reachability the sweeps forgive, and updates of one entry at a time. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning T5_2.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** Whether edges off the target lead from a node to a cycle. *)
Definition leads (V : finType) (e : rel V) (k : V) : bool :=
  [exists c, connect e k c && on_cycle e c].

(** The values that circle: [K] where a cycle can be reached, one less elsewhere. *)
Definition circling (R : realFieldType) (V : finType) (A : rel V) (i : V) (K : R) (j k : V) : R :=
  (A j k)%:R - 1 +
  (if k == i then 1 else if leads (without A i) k then K else K - 1).

(** With a cycle, circling values are a fixed point for every [K] from 2 on. *)
Definition circling_is_fixed : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V), ~~ acyclic (without A i) ->
  forall K : R, 2%:R <= K ->
  process_fixed A i (circling A i K) /\
  forall j, j != i -> K - 1 <= best i (circling A i K) j.

Lemma leads_back (V : finType) (e : rel V) (j k : V) : e j k -> leads e k -> leads e j.
Proof.
move=> edge /existsP[c /andP[there on]]; apply/existsP; exists c.
by rewrite (connect_trans (connect1 edge) there).
Qed.

(** From a node that leads to a cycle an edge leads to another such node. *)
Lemma leads_on (V : finType) (e : rel V) (j : V) : leads e j -> exists2 k, e j k & leads e k.
Proof.
case/existsP=> c /andP[/connectP[[|k p] /= walk last] on].
  case/existsP: (on) => y /andP[edge back]; exists y; first by rewrite -last.
  by apply/existsP; exists c; rewrite back.
case/andP: walk => edge walk; exists k => //; apply/existsP; exists c.
by rewrite on andbT; apply/connectP; exists p.
Qed.

Lemma best_circling (R : realFieldType) (V : finType) (A : rel V) (i : V) (K : R) (j : V) :
  ~~ acyclic (without A i) -> 2%:R <= K -> j != i ->
  best i (circling A i K) j = if leads (without A i) j then K else K - 1.
Proof.
rewrite negb_forall => /existsP[c]; rewrite negbK => on high off.
have one_le : 1 <= K - 1 by rewrite ler_subr_addr.
have less : K - 1 <= K by rewrite ger_addl oppr_le0 ler01.
have off_c : c != i by case/existsP: on => y /andP[/and3P[]].
have leads_c : leads (without A i) c by apply/existsP; exists c; rewrite connect0.
set v := if _ then _ else _; have low : K - 1 <= v by rewrite /v; case: ifP.
apply/le_anti/andP; split.
  apply: best_le => k; rewrite /circling; have [_|off_k] := eqVneq k i.
    by apply: le_trans low; apply: le_trans one_le; rewrite subrK lern1 leq_b1.
  case: (boolP (A j k)) => edge; last first.
    rewrite sub0r addrC; apply: le_trans low; rewrite ler_add2r.
    by case: ifP.
  rewrite subrr add0r /v; case: ifP => leads_k; last by rewrite -/v.
  by rewrite (leads_back _ leads_k) // /without edge off off_k.
rewrite /v; case: ifP => leads_j.
  have [k /and3P[edge _ off_k] leads_k] := leads_on leads_j.
  by apply: le_trans (best_ge i _ j k); rewrite /circling edge (negPf off_k) leads_k subrr add0r.
have no_edge : A j c = false.
  by apply: contraFF leads_j => edge; apply: leads_back leads_c; rewrite /without edge off.
apply: le_trans (best_ge i _ j c).
by rewrite /circling no_edge (negPf off_c) leads_c sub0r addrC.
Qed.

Theorem circling_is_fixed_holds : circling_is_fixed.
Proof.
move=> R V A i cycle K high; split=> [j k off|j off]; last first.
  by rewrite best_circling //; case: ifP => // _; rewrite ger_addl oppr_le0 ler01.
rewrite {1}/circling /process /ahead; congr (_ + _).
by have [//|off_k] := eqVneq k i; rewrite best_circling.
Qed.

(** What the values of a fixed point are, whatever the graph: no less than reachability, than what an edge
    leads to and than any other less one; and each is one of these: reachability itself, another less
    one, or the value of a cycle that edges lead to. *)
Definition solves (R : realFieldType) (V : finType) (A : rel V) (i : V) (v : V -> R) : Prop :=
  forall j, j != i ->
  [/\ (reaches A i j)%:R <= v j,
      forall k, without A i j k -> v k <= v j,
      forall k, k != i -> v k - 1 <= v j &
      [\/ v j = (reaches A i j)%:R,
          exists2 k, k != i & v j = v k - 1 |
          exists c, [/\ connect (without A i) j c, on_cycle (without A i) c & v j = v c]]].

(** All fixed points on every graph. *)
Definition all_fixed_points : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (f : V -> V -> R),
  process_fixed A i f <->
  exists2 v, solves A i v &
  forall j k, j != i -> f j k = (A j k)%:R - 1 + (if k == i then 1 else v k).

Lemma climbs (R : realFieldType) (V : finType) (A : rel V) (i : V) (v : V -> R) (j c : V) :
  solves A i v -> connect (without A i) j c -> v c <= v j.
Proof.
move=> good /connectP[p walk ->]; elim: p j walk => [|k p IH] j //= /andP[edge walk].
by apply: le_trans (IH k walk) _; have [_ off _] := and3P edge; have [_ ->] := good j off.
Qed.

Theorem all_fixed_points_holds : all_fixed_points.
Proof.
move=> R V A i f; split=> [fixed|[v good at_f] j k off].
  exists (best i f); last by move=> j k off; rewrite fixed.
  move=> j off; have above := above_reaches fixed; split; first exact: above.
  - by move=> k /and3P[edge _ off_k]; apply: (v_edge fixed).
  - move=> k off_k; apply: le_trans (best_ge i f j k).
    by rewrite fixed // /process /ahead (negPf off_k) addrAC -addrA ler_addr ler0n.
  pose P k := [&& k != i, connect (without A i) j k & best i f k == best i f j].
  case: (boolP [exists c, P c && on_cycle (without A i) c]) => [/existsP[c]|none].
    case/andP=> /and3P[_ there /eqP same] on.
    by constructor 3; exists c.
  have no_cycle y : P y -> ~~ on_cycle (without A i) y.
    by move=> Py; apply: contra none => on; apply/existsP; exists y; rewrite Py.
  have [|y /and3P[off_y there /eqP same] last] := last_with no_cycle (x := j).
    by rewrite /P off connect0 eqxx.
  case: (v_from fixed off_y) => [edge vy|_ vy|k off_k edge vy|k off_k _ vy].
  - have -> : reaches A i j; last by constructor 1; rewrite -same.
    apply: connect_trans (connect1 edge); apply: connect_sub there => a b /and3P[ab _ _].
    exact: connect1.
  - by constructor 1; apply/le_anti; rewrite above // andbT -same vy ler0n.
  - have := last k; rewrite /without edge off_y off_k /P off_k -vy same eqxx andbT /= => /(_ isT).
    by rewrite (connect_trans there (connect1 _)) // /without edge off_y.
  - by constructor 2; exists k; rewrite // -same.
have best_v m : m != i -> best i f m = v m.
  move=> off_m; have [reach edge across from] := good m off_m.
  apply/le_anti/andP; split.
    apply: best_le => k'; rewrite at_f //; have [->|off_k'] := eqVneq k' i.
      rewrite subrK; apply: le_trans reach; rewrite ler_nat.
      by case: (boolP (A m i)) => // step; rewrite (step_reaches step (connect0 _ _)).
    case: (boolP (A m k')) => step; last by rewrite sub0r addrC across.
    by rewrite subrr add0r edge // /without step off_m.
  have at_least k' x : k' != i -> (without A i m k' -> x <= v k') -> without A i m k' ->
      x <= best i f m.
    move=> off_k' low step; apply: le_trans (best_ge i f m k').
    by have [step' _ _] := and3P step; rewrite at_f // step' (negPf off_k') subrr add0r low.
  case: from => [->|[k' off_k' ->]|[c [there on ->]]].
  - case: (boolP (reaches A i m)) => [/(reaches_step off_m)[k' step there]|_].
      have [same|off_k'] := eqVneq k' i.
        by apply: le_trans (best_ge i f m k'); rewrite at_f // step same eqxx subrK.
      apply: (at_least k') => // [_|]; last by rewrite /without step off_m.
      by have [low _ _ _] := good k' off_k'; apply: le_trans low; rewrite there.
    by apply: le_trans (best_ge i f m i); rewrite at_f // eqxx subrK ler0n.
  - apply: le_trans (best_ge i f m k'); rewrite at_f // (negPf off_k').
    by rewrite addrAC -addrA ler_addr ler0n.
  - have [k' step] : exists2 k', without A i m k' & connect (without A i) k' c.
      case/connectP: there => [[_ same|k' p /= /andP[step walk] end_c]]; last first.
        by exists k' => //; apply/connectP; exists p.
      by case/existsP: on => y; rewrite same => /andP[step back]; exists y.
    have [_ _ off_k'] := and3P step; move=> back.
    by apply: (at_least k') => // _; apply: climbs good back.
rewrite at_f // /process /ahead; congr (_ + _).
by have [//|off_k] := eqVneq k i; rewrite best_v.
Qed.

(** Unique if and only if the graph without the target has no cycle. *)
Definition unique_iff_acyclic : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V),
  (forall f : V -> V -> R, process_fixed A i f ->
     forall j k, j != i -> f j k = structure A R i j k) <-> acyclic (without A i).

Lemma not_structure (R : realFieldType) (V : finType) (A : rel V) (i : V) (K : R) (j : V) :
  ~~ acyclic (without A i) -> 2%:R < K -> j != i ->
  exists k, circling A i K j k != structure A R i j k.
Proof.
move=> cycle high off; have [k at_k] := best_at i (circling A i K) j; exists k.
have [_ low] := circling_is_fixed_holds cycle (ltW high).
rewrite gt_eqF // -at_k; apply: lt_le_trans (low j off).
apply: (@le_lt_trans _ _ 1); last by rewrite ltr_subr_addr.
by rewrite /structure ler_subl_addr -natrD (ler_nat R _ 2) -[2%N]/(1 + 1)%N leq_add ?leq_b1.
Qed.

Theorem unique_iff_acyclic_holds : unique_iff_acyclic.
Proof.
move=> R V A i; split=> [only|]; last exact: structure_is_unique_holds.
apply: contraT => cycle; have three : 2%:R < 3%:R :> R by rewrite ltr_nat.
have [c] : exists c, on_cycle (without A i) c.
  by move: cycle; rewrite negb_forall => /existsP[c]; rewrite negbK; exists c.
case/existsP=> y /andP[/and3P[_ off_c _] _].
have [k /eqP[]] := not_structure cycle three off_c.
by apply: only => //; have [] := circling_is_fixed_holds cycle (ltW three).
Qed.

(** With a cycle no number bounds the fixed points. *)
Definition no_bound : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V), ~~ acyclic (without A i) ->
  forall M : R, exists2 f, process_fixed A i f & forall j, j != i -> M < best i f j.

Theorem no_bound_holds : no_bound.
Proof.
move=> R V A i cycle M; pose K := Num.max 2%:R (M + 2%:R).
have high : 2%:R <= K by rewrite le_maxr lexx.
have [fixed low] := circling_is_fixed_holds cycle high.
exists (circling A i K) => // j off; apply: lt_le_trans (low j off).
rewrite ltr_subr_addr; apply: (@lt_le_trans _ _ (M + 2%:R)); last by rewrite le_maxr lexx orbT.
by rewrite ltr_add2l (ltr_nat R 1 2).
Qed.

(** There the greedy policy never arrives: every step onto the target is worth less than another. *)
Definition greedy_never_arrives : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V), ~~ acyclic (without A i) ->
  exists2 f : V -> V -> R, process_fixed A i f & forall j, j != i -> f j i < best i f j.

Theorem greedy_never_arrives_holds : greedy_never_arrives.
Proof.
move=> R V A i cycle; have [f fixed above] := no_bound_holds cycle (1 : R).
exists f => // j off; apply: le_lt_trans (above j off).
by rewrite fixed // /process /ahead eqxx subrK lern1 leq_b1.
Qed.

(** Sweeps that start at such values stay there, however large: the end depends on the start. *)
Definition sweeps_can_stay : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V), ~~ acyclic (without A i) ->
  forall M : R, exists2 start : V -> V -> R, (forall j, j != i -> M < best i start j) &
  forall m j k, j != i -> iter m (process A i) start j k = start j k.

Theorem sweeps_can_stay_holds : sweeps_can_stay.
Proof.
move=> R V A i cycle M; have [f fixed above] := no_bound_holds cycle M.
exists f => //; elim=> [//|m IH] j k off /=; rewrite [RHS]fixed // /process /ahead; congr (_ + _).
by have [//|off_k] := eqVneq k i; apply: best_ext => m'; apply: IH.
Qed.

(** The sweep of process reward with a discount [g]. *)
Definition discounted (R : realFieldType) (V : finType) (A : rel V) (i : V) (g : R)
  (f : V -> V -> R) (j k : V) : R :=
  (A j k)%:R - 1 + (if k == i then 1 else g * best i f k).

(** A discount below 1 leaves one fixed point at most, on every graph. *)
Definition discount_is_unique : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (g : R), 0 <= g < 1 ->
  forall f h : V -> V -> R,
  (forall j k, j != i -> f j k = discounted A i g f j k) ->
  (forall j k, j != i -> h j k = discounted A i g h j k) ->
  forall j k, j != i -> f j k = h j k.

Theorem discount_is_unique_holds : discount_is_unique.
Proof.
move=> R V A i g /andP[g0 g1] f h fixed_f fixed_h j0 k0 off0.
(* The largest gap between the values of a row shrinks by g in a sweep, so it is 0. *)
pose gap k := `|best i f k - best i h k|.
have [t off_t most] : exists2 t, t != i & forall k, k != i -> gap k <= gap t.
  by case: (@arg_maxP _ _ _ j0 (fun t => t != i) gap off0) => t; exists t.
have gap0 : 0 <= gap t by exact: normr_ge0.
have close j k : j != i -> `|f j k - h j k| <= g * gap t.
  move=> off; rewrite fixed_f // fixed_h // /discounted.
  have [_|off_k] := eqVneq k i; first by rewrite subrr normr0 mulr_ge0.
  by rewrite opprD addrACA subrr add0r -mulrBr normrM (ger0_norm g0) ler_wpmul2l // most.
have row j : j != i -> gap j <= g * gap t.
  move=> off; have one_side a b : (forall k, `|a j k - b j k| <= g * gap t) ->
      best i a j - best i b j <= g * gap t.
    move=> near; have [k ->] := best_at i a j; apply: le_trans (near k).
    by apply: le_trans (ler_norm _); rewrite ler_sub // best_ge.
  rewrite /gap ler_norml ler_oppl opprB; apply/andP; split; apply: one_side => k.
    by rewrite distrC close.
  exact: close.
have zero : gap t = 0.
  apply/le_anti; rewrite gap0 andbT; have := row t off_t.
  by rewrite -subr_le0 -{1}[gap t]mul1r -mulrBl pmulr_rle0 // subr_gt0.
by apply/eqP; rewrite -subr_eq0 -normr_le0; apply: le_trans (close _ _ off0) _; rewrite zero mulr0.
Qed.

(** Wrong: the fixed point of process reward is unique on every graph. *)
Definition wrong_always_unique : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (f : V -> V -> R),
  process_fixed A i f -> forall j k, j != i -> f j k = structure A R i j k.

(** The smallest cycle off the target: two nodes and a target that none of them reaches. *)
Definition pair_of_nodes : rel 'I_3 :=
  fun j k => ((j == 0%N :> nat) && (k == 1%N :> nat)) || ((j == 1%N :> nat) && (k == 0%N :> nat)).

Lemma pair_has_cycle : ~~ acyclic (without pair_of_nodes (inord 2)).
Proof.
have edge a b : (a < 2)%N -> (b < 2)%N -> a != b ->
    without pair_of_nodes (inord 2) (inord a) (inord b).
  move=> la lb; have [la3 lb3] : (a < 3)%N /\ (b < 3)%N by rewrite !(ltn_trans la, ltn_trans lb).
  rewrite /without /pair_of_nodes -!val_eqE /= !inordK //.
  by case: a b la lb {la3 lb3} => [|[|a]] [|[|b]].
rewrite negb_forall; apply/existsP; exists (inord 0); rewrite negbK.
by apply/existsP; exists (inord 1); rewrite edge // connect1 ?edge.
Qed.

Theorem wrong_always_unique_fails : ~ wrong_always_unique.
Proof.
move=> wrong; have /negP[] := pair_has_cycle.
by apply/(unique_iff_acyclic_holds [realFieldType of rat]) => f; apply: wrong.
Qed.

(** Wrong: a cycle through the target is enough to lose uniqueness. *)
Definition wrong_any_cycle : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V), ~~ acyclic A ->
  exists f : V -> V -> R,
  process_fixed A i f /\ exists j k, j != i /\ f j k <> structure A R i j k.

Theorem wrong_any_cycle_fails : ~ wrong_any_cycle.
Proof.
pose A : rel bool := fun j k => j != k.
have cycle : ~~ acyclic A.
  rewrite negb_forall; apply/existsP; exists true; rewrite negbK.
  by apply/existsP; exists false; rewrite /= connect1.
move=> /(_ [realFieldType of rat] [finType of bool] A true cycle).
case=> f [fixed [j [k [off]]]]; apply; apply: structure_is_unique_holds => //.
by apply/forallP => x; apply/existsP => -[y /andP[/and3P[edge]]]; case: x y edge => [] [].
Qed.

(** Wrong: with a cycle the values stay below some bound. *)
Definition wrong_bounded : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V),
  exists M : R, forall f, process_fixed A i f -> forall j, j != i -> best i f j <= M.

Theorem wrong_bounded_fails : ~ wrong_bounded.
Proof.
move=> /(_ [realFieldType of rat] _ pair_of_nodes (inord 2)) [M below].
have [f fixed above] := no_bound_holds pair_has_cycle M.
have off : (inord 0 : 'I_3) != inord 2 by rewrite -val_eqE /= !inordK.
by have := le_lt_trans (below f fixed _ off) (above _ off); rewrite ltxx.
Qed.
