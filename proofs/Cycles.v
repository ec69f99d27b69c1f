(** Where Theorems 5.2 and 5.3 stop holding: cycles off the target.

    Ours, for every number of nodes: what all fixed points are (the chapter's part (a), said without
    components); that the fixed point is unique if and only if the graph without the target has no
    cycle (c); that otherwise the set of fixed points has no upper bound, and in the large ones
    every step onto the target looks worse than another, so that the greedy policy never arrives.
    The sweeps arrive from just those starts that (e) names, and from these every fair order of
    updates comes there too, with or without cycles.  A discount leaves one fixed point at most on
    every graph.  That reachability is the least solution (b) and the end of sweeps from below (d)
    stands in T5_2.v.  What is left out: the components of (a); single updates from starts
    that (e) forbids, of which some arrive and some do not. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning Orders T5_2.
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

(** What the values of a fixed point are, whatever the graph: no less than reachability, than what
    an edge leads to and than any other less one; and each is one of these: reachability itself,
    another less one, or the value of a cycle that edges lead to. *)
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

(** The sweeps end at [A + R - 1] from just those starts: where edges off the target lead from a
    node on a cycle to another node, its values are at most the reachability of the first;
    elsewhere one more is forgiven. *)
Definition sweeps_arrive_iff : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R),
  no_infinity i start ->
  (exists T : nat, forall t j k, (T <= t)%N -> j != i ->
     iter t (process A i) start j k = structure A R i j k) <->
  forall c e, on_cycle (without A i) c -> e != i ->
  best i start e <= (reaches A i c)%:R + (~~ connect (without A i) c e)%:R.

Section Circles.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R).
Notation v t k := (best i (iter t (process A i) start) k).

Lemma sweep_value t j k : k != i ->
  iter t.+1 (process A i) start j k = (A j k)%:R - 1 + v t k.
Proof. by move=> off; rewrite iterS {1}/process /ahead (negPf off). Qed.

(** Values travel back along edges off the target, a sweep an edge. *)
Lemma travels p t j : path (without A i) j p -> v t (last j p) <= v (t + size p)%N j.
Proof.
elim: p j => [|k p IH] j /=; first by rewrite addn0.
case/andP=> /and3P[edge _ off_k] /IH low; rewrite addnS; apply: le_trans low _.
by apply: le_trans (best_ge i _ j k); rewrite sweep_value // edge subrr add0r.
Qed.

(** Around a cycle they travel for ever. *)
Lemma circles c T t : on_cycle (without A i) c -> exists2 u, (T <= u)%N & v t c <= v u c.
Proof.
case/existsP=> y /andP[edge /connectP[p walk back]].
have round u : v u c <= v (u + (size p).+1)%N c.
  by have := @travels (y :: p) u c; rewrite /= edge -back; apply.
elim: T => [|T [u late low]]; first by exists t.
exists (u + (size p).+1)%N; last exact: le_trans low (round u).
by rewrite addnS ltnS (leq_trans late) ?leq_addr.
Qed.

Lemma not_in_basin c e : on_cycle (without A i) c -> e != i ->
  (reaches A i c)%:R + (~~ connect (without A i) c e)%:R < best i start e ->
  exists t, (reaches A i c)%:R < v t c.
Proof.
move=> on off_e; case: (boolP (connect _ c e)) => [/connectP[p walk ->]|_] high.
  exists (0 + size p)%N; apply: lt_le_trans (travels 0 walk).
  by rewrite addr0 in high.
exists 1%N; apply: lt_le_trans (best_ge i _ c e); rewrite sweep_value //.
by rewrite -addrA ltr_paddl ?ler0n // addrC ltr_subr_addr.
Qed.
End Circles.

Theorem sweeps_arrive_iff_holds : sweeps_arrive_iff.
Proof.
move=> R V A i start [m bounded]; split=> [[T there] c e on off_e|basin].
  rewrite leNgt; apply/negP => /(not_in_basin on off_e)[t high].
  have [u late low] := circles start T t on.
  have off_c : c != i by case/existsP: on => y /andP[/and3P[]].
  have := lt_le_trans high low; rewrite -(best_structure R A off_c) ltNge => /negP; apply.
  by apply: best_le => k; rewrite there // best_ge.
have is_run : run A i (fun _ _ _ => 1) (fun t => iter t (process A i) start).
  by move=> t j k off; rewrite mul1r addrC subrK.
have small : steps_to1 (fun _ (_ _ : V) => 1 : R) by move=> t j k; rewrite ler01 lexx.
have [//|T there] := @arrives_in_basin R V A i _ _ is_run small m bounded basin.
  by move=> j k T off; exists T.
by exists T.
Qed.

(** From these starts every fair order of single updates comes to it as well. *)
Definition fair_orders_in_basin : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  (forall c e, on_cycle (without A i) c -> e != i ->
   best i (f 0%N) e <= (reaches A i c)%:R + (~~ connect (without A i) c e)%:R) ->
  no_infinity i (f 0%N) -> run A i a f -> steps_to1 a -> fair i a -> comes_to i f (structure A R i).

Theorem fair_orders_in_basin_holds : fair_orders_in_basin.
Proof.
move=> R V A i a f basin [m bounded] is_run small.
exact: (@comes_in_basin R V A i a f is_run small m bounded basin).
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

(** Wrong: where the values on cycles are at most reachability the sweeps arrive; one that a cycle
    leads to is enough to keep it high. *)
Definition wrong_only_cycles_count : Prop :=
  forall (R : archiFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R),
  (forall c, on_cycle (without A i) c -> best i start c <= (reaches A i c)%:R) ->
  exists T : nat, forall t j k, (T <= t)%N -> j != i ->
  iter t (process A i) start j k = structure A R i j k.

Theorem wrong_only_cycles_count_fails : ~ wrong_only_cycles_count.
Proof.
(* A self-loop that also leads on, to a node of value 1 from which nothing goes. *)
pose loop := Some true; pose dead := Some false.
pose A : rel (option bool) := fun j k => (j == loop) && (k != None).
pose start (j _ : option bool) : rat := (j == dead)%:R.
have best_start j : best None start j = (j == dead)%:R by exact: (@best_eq _ _ None start j j).
have on : on_cycle (without A None) loop.
  by apply/existsP; exists loop; rewrite connect0.
move=> /(_ [archiFieldType of rat] _ A None start) [|T there].
  by move=> c /existsP[y /andP[/and3P[/andP[/eqP-> _] _ _] _]]; rewrite best_start ler0n.
have arrives : exists T : nat, forall t j k, (T <= t)%N -> j != None ->
    iter t (process A None) start j k = structure A [realFieldType of rat] None j k by exists T.
have [/(_ arrives) basin _] := @sweeps_arrive_iff_holds _ _ A _ _ (archimedean None start).
have := basin loop dead on isT; rewrite best_start (connect1 (_ : without A None loop dead)) //=.
suff -> : reaches A None loop = false by [].
apply/negbTE/negP => /connectP[p].
suff off j : j != None -> path A j p -> None = last j p -> False by exact: off.
elim: p j => [|k p IH] j off /=; first by move=> _ same; rewrite -same in off.
by case/andP=> /andP[_ off_k]; apply: IH.
Qed.

(** Wrong: the sweeps arrive only from starts below reachability; without cycles they arrive from
    every start. *)
Definition wrong_only_from_below : Prop :=
  forall (R : archiFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R),
  (exists T : nat, forall t j k, (T <= t)%N -> j != i ->
     iter t (process A i) start j k = structure A R i j k) ->
  forall k, k != i -> best i start k <= (reaches A i k)%:R.

Theorem wrong_only_from_below_fails : ~ wrong_only_from_below.
Proof.
pose start (_ _ : bool) : rat := 2%:R.
have [_ arrives] := @sweeps_arrive_iff_holds _ _ no_edge _ _ (archimedean true start).
move=> /(_ _ _ _ _ start (arrives (in_basin_acyclic start no_edge_acyclic)) false isT).
rewrite (@best_eq _ _ true start false false) //; apply/negP; rewrite -ltNge.
by apply: (@le_lt_trans _ _ 1); rewrite ?lern1 ?leq_b1.
Qed.

(** Wrong: from other starts no fair order arrives; an order that first overwrites what is too high
    does. *)
Definition wrong_orders_only_in_basin : Prop :=
  forall (R : archiFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R),
  run A i a f -> steps_to1 a -> fair i a -> comes_to i f (structure A R i) ->
  forall c e, on_cycle (without A i) c -> e != i ->
  best i (f 0%N) e <= (reaches A i c)%:R + (~~ connect (without A i) c e)%:R.

Theorem wrong_orders_only_in_basin_fails : ~ wrong_orders_only_in_basin.
Proof.
(* Two nodes that point at each other, the target out of reach: one starts at a half, and is
   updated first. *)
pose A : rel (option bool) := fun j k => (j != None) && (k == omap negb j).
pose a (t : nat) (j _ : option bool) : rat := if t is 0%N then (j == Some true)%:R else 1.
pose start (j _ : option bool) : rat := if j == Some true then 2%:R^-1 else 0.
pose f := follow A None a start.
have is_run : run A None a f by exact: follow_run.
have small : steps_to1 a by move=> [|t] [[]|] k.
have best_start j : best None start j = start j None by exact: (@best_eq _ _ None start j None).
have lost (b : bool) : reaches A None (Some b) = false.
  apply/negbTE/negP => /connectP[p]; elim: p b => [|k p IH] b //=.
  by case/andP=> /eqP->; apply: IH.
have low k : k != None -> best None (f 1%N) k <= (reaches A None k)%:R.
  case: k => [b|//] _; rewrite lost; apply: best_le => k; rewrite /f /= /process /ahead.
  by case: b k => [] [[]|]; rewrite /= ?best_start.
have later : run A None (fun t => a t.+1) (fun t => f t.+1).
  by move=> t j k off; apply: is_run.
have fair_later : fair None (fun t => a t.+1).
  exact: (@constant_fair [archiFieldType of rat] _ None 1).
have comes : comes_to None f (structure A _ None).
  move=> eps eps0; have small' : steps_to1 (fun t => a t.+1) by move=> t; apply: small.
  have [T near] := fair_orders_from_below_holds low later small' fair_later eps0.
  by exists T.+1 => -[//|t] j k late; apply: near.
have fair_a : fair None a.
  move=> j k off M; have [t enough] := fair_later j k off M; exists t.+1.
  by rewrite big_ord_recl (le_trans enough) // ler_addr; case/andP: (small 0%N j k).
have on : on_cycle (without A None) (Some true).
  apply/existsP; exists (Some false).
  by apply/andP; split=> //; apply: connect1.
move=> /(_ _ _ A None a f is_run small fair_a comes (Some true) (Some true) on isT).
by rewrite lost connect0 best_start.
Qed.
