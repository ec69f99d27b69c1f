(** Theorem 5.3: the linear model [f(i, j)[k] = WM[j, k] + WV[i, k]] and its gauge.

    The paper: with process reward, in every stable point [WM[j, k] = A[j, k] - 1 + c_k] and
    [WV[i, k] = R[i, k] - c_k].  Here: these weights represent the structure values (legal plus
    reachable minus 1); they are the only ones when every row (i, j), j <> i, is covered and there
    are three nodes; two nodes have more.  For any coverage whatever, the freedom is one number
    per next node and connected component of the graph that joins currents to targets, so a row
    that is never visited is determined just when coverage connects its current to its target.
    Stationary points of the expected semi-gradient are exactly the weights that satisfy the
    Bellman equation wherever updates occur.
    What is left out: that the values are the structure values rather than another fixed point
    (Theorem 5.2 and cycles), and that training converges. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The value of the step from [j] to [k] toward [i]. *)
Definition linear (R : realFieldType) (V : finType) (WM WV : V -> V -> R) (i j k : V) : R :=
  WM j k + WV i k.

(** The weights give the structure values in every row that a problem can visit. *)
Definition represents (R : realFieldType) (V : finType) (A : rel V) (WM WV : V -> V -> R) :=
  forall i j k, j != i -> linear WM WV i j k = structure A R i j k.

(** The paper's form of the weights, with one constant for each next node. *)
Definition gauge_form (R : realFieldType) (V : finType) (A : rel V) (WM WV : V -> V -> R)
    (c : V -> R) :=
  (forall j k, WM j k = (A j k)%:R - 1 + c k) /\
  (forall i k, WV i k = (reaches A i k)%:R - c k).

(** The paper's weights represent the structure values, whatever the constants. *)
Definition closed_form : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (WM WV : V -> V -> R) (c : V -> R),
  gauge_form A WM WV c -> represents A WM WV.

Theorem closed_form_holds : closed_form.
Proof. by move=> R V A WM WV c [m v] i j k _; rewrite /linear /structure m v; ring. Qed.

(** Three nodes or more, every row covered: no other weights do. *)
Definition gauge : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (WM WV : V -> V -> R), (2 < #|V|)%N ->
  represents A WM WV -> exists c : V -> R, gauge_form A WM WV c.

(** Among three nodes one differs from any two. *)
Lemma third (V : finType) (j j' : V) : (2 < #|V|)%N -> exists i, (j != i) && (j' != i).
Proof.
move=> many; case: (pickP [pred i | (j != i) && (j' != i)]) => [i ok|none]; first by exists i.
have covered : (#|V| <= #|[set j; j']|)%N.
  apply/subset_leq_card/subsetP => i _; have /negbT := none i.
  by rewrite !inE negb_and !negbK ![_ == i]eq_sym.
by move: (leq_trans many covered); rewrite cards2; case: (j == j').
Qed.

Theorem gauge_holds : gauge.
Proof.
move=> R V A WM WV many sol.
have /card_gt0P[j0 _] : (0 < #|V|)%N by apply: ltn_trans many.
pose m j k := WM j k - ((A j k)%:R - 1); pose v i k := (reaches A i k)%:R - WV i k.
have mv i j k : j != i -> m j k = v i k.
  move=> off; have := sol i j k off; rewrite /linear /structure /m /v => same.
  by apply/eqP; rewrite -subr_eq0; apply/eqP; move/eqP: same; rewrite -subr_eq0 => /eqP <-; ring.
have mm j k : m j k = m j0 k.
  by case: (third j j0 many) => i /andP[off off0]; rewrite (mv i) ?(mv i j0).
exists (m j0); split=> [j k|i k]; first by rewrite -(mm j) /m; ring.
case: (third i i many) => j; rewrite andbb eq_sym => off.
by rewrite -(mm j) (mv i) // /v; ring.
Qed.

(** The graph of coverage: currents [inl j] on one side, targets [inr i] on the other, joined
    when the row (i, j) is covered. *)
Definition coverage (V : finType) (P : V -> V -> bool) : rel (V + V) :=
  fun x y => match x, y with
             | inl j, inr i => P i j
             | inr i, inl j => P i j
             | _, _ => false
             end.

(** Two pairs of weights give the same values in every covered row. *)
Definition agree (R : realFieldType) (V : finType) (P : V -> V -> bool)
    (WM WV WM' WV' : V -> V -> R) :=
  forall i j k, P i j -> linear WM WV i j k = linear WM' WV' i j k.

(** Weights that agree on the covered rows differ by one number for each next node and connected
    component of coverage, added to [WM] and taken from [WV]; and any such numbers will do. *)
Definition gauge_by_components : Prop :=
  forall (R : realFieldType) (V : finType) (P : V -> V -> bool) (WM WV WM' WV' : V -> V -> R),
  agree P WM WV WM' WV' <->
  exists d : V + V -> V -> R,
    [/\ forall x y k, connect (coverage P) x y -> d x k = d y k,
        forall j k, WM' j k = WM j k + d (inl j) k &
        forall i k, WV' i k = WV i k - d (inr i) k].

(** What is the same along edges is the same along paths. *)
Lemma connect_const (T : finType) (e : rel T) (S : Type) (h : T -> S) :
  (forall x y, e x y -> h x = h y) -> forall x y, connect e x y -> h x = h y.
Proof.
move=> step x y /connectP[p + ->]; elim: p x => [//|z p IH] x /= /andP[/step -> /IH]; exact.
Qed.

Theorem gauge_by_components_holds : gauge_by_components.
Proof.
move=> R V P WM WV WM' WV'; split=> [same|[d [const m v]] i j k cov].
  pose d x k := match x with inl j => WM' j k - WM j k | inr i => WV i k - WV' i k end.
  exists d; split=> [x y k|j k|i k]; try by rewrite /d; ring.
  apply: (@connect_const _ _ _ (d ^~ k)) => {x y} x y.
  have offset i j : P i j -> WM' j k - WM j k = WV i k - WV' i k.
    move=> /same-/(_ k)/eqP; rewrite /linear -subr_eq0 => /eqP zero.
    by apply/eqP; rewrite -subr_eq0 -oppr_eq0 -zero; apply/eqP; ring.
  by case: x => [j|i]; case: y => [j'|i'] //= => /offset ->.
rewrite /linear m v (const (inl j) (inr i) k) ?connect1 //; ring.
Qed.

(** A row whose current is connected to its target is determined by the covered rows; so, when
    coverage is connected, every row is, those never visited included. *)
Definition connected_coverage_determines : Prop :=
  forall (R : realFieldType) (V : finType) (P : V -> V -> bool) (WM WV WM' WV' : V -> V -> R),
  agree P WM WV WM' WV' ->
  forall i j k, connect (coverage P) (inl j) (inr i) ->
  linear WM WV i j k = linear WM' WV' i j k.

Theorem connected_coverage_determines_holds : connected_coverage_determines.
Proof.
move=> R V P WM WV WM' WV' /gauge_by_components_holds[d [const m v]] i j k linked.
by rewrite /linear m v (const _ _ k linked); ring.
Qed.

(** A row whose current is not connected to its target is not: every pair of weights has another
    that agrees with it on the covered rows and differs from it in every entry of this one. *)
Definition disconnected_coverage_does_not : Prop :=
  forall (R : realFieldType) (V : finType) (P : V -> V -> bool) (i j : V),
  ~~ connect (coverage P) (inl j) (inr i) ->
  forall WM WV : V -> V -> R, exists WM' WV' : V -> V -> R,
  agree P WM WV WM' WV' /\ forall k, linear WM WV i j k != linear WM' WV' i j k.

Theorem disconnected_coverage_does_not_holds : disconnected_coverage_does_not.
Proof.
move=> R V P i j apart WM WV.
have sym : symmetric (coverage P) by case=> [a|a] [b|b].
pose d (x : V + V) (k : V) : R := (connect (coverage P) (inl j) x)%:R.
exists (fun j k => WM j k + d (inl j) k), (fun i k => WV i k - d (inr i) k); split=> [|k].
  apply/gauge_by_components_holds; exists d; split=> // x y k.
  apply: (@connect_const _ _ _ (d ^~ k)) => {x y} x y edge; rewrite /d.
  congr (nat_of_bool _)%:R; apply/idP/idP => linked; apply: connect_trans linked (connect1 _) => //.
  by rewrite sym.
rewrite /linear /d connect0 (negPf apart) -subr_eq0.
have -> : WM j k + WV i k - (WM j k + true%:R + (WV i k - false%:R)) = -1 by rewrite /=; ring.
by rewrite oppr_eq0 oner_eq0.
Qed.

(** How far the model is from its Bellman target. *)
Definition residual (R : realFieldType) (V : finType) (A : rel V) (WM WV : V -> V -> R) i j k :=
  linear WM WV i j k - process A i (linear WM WV i) j k.

(** The expected update of every weight vanishes; [w] is how often each entry is updated, and the
    Bellman target carries no gradient. *)
Definition stationary (R : realFieldType) (V : finType) (A : rel V) (w : V -> V -> V -> R)
    (WM WV : V -> V -> R) :=
  (forall j k, \sum_(i | j != i) w i j k * residual A WM WV i j k = 0) /\
  (forall i k, \sum_(j | j != i) w i j k * residual A WM WV i j k = 0).

(** A point is stationary just when the Bellman equation holds wherever updates occur: what the
    model cannot represent never comes in, since the Bellman target is itself of its form. *)
Definition stationary_iff_fixed : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (w : V -> V -> V -> R)
         (WM WV : V -> V -> R), (forall i j k, 0 <= w i j k) ->
  stationary A w WM WV <->
  forall i j k, j != i -> 0 < w i j k -> linear WM WV i j k = process A i (linear WM WV i) j k.

Theorem stationary_iff_fixed_holds : stationary_iff_fixed.
Proof.
move=> R V A w WM WV w_ge0; pose r := residual A WM WV.
split=> [[by_current by_target] i j k off occurs|fixed]; last first.
  have zero i j k : j != i -> w i j k * r i j k = 0.
    move=> off; have [<-|occurs] := eqVneq 0 (w i j k); first by rewrite mul0r.
    have {}occurs : 0 < w i j k by rewrite lt_def eq_sym occurs w_ge0.
    by rewrite /r /residual (fixed _ _ _ off occurs) subrr mulr0.
  by split=> *; apply: big1 => *; apply: zero.
have parts a b : r a b k = (WM b k - ((A b k)%:R - 1)) + (WV a k - ahead a (linear WM WV a) k).
  by rewrite /r /residual /process /linear; ring.
have total : \sum_a \sum_(b | b != a) w a b k * r a b k ^+ 2 = 0.
  have -> : \sum_a \sum_(b | b != a) w a b k * r a b k ^+ 2 =
    \sum_a \sum_(b | b != a) (WM b k - ((A b k)%:R - 1)) * (w a b k * r a b k) +
    \sum_a \sum_(b | b != a) (WV a k - ahead a (linear WM WV a) k) * (w a b k * r a b k).
    rewrite -big_split; apply: eq_bigr => a _; rewrite -big_split; apply: eq_bigr => b _ /=.
    by rewrite -mulrDl -parts expr2 mulrCA.
  rewrite [X in _ + X]big1 => [|a _]; last by rewrite -mulr_sumr by_target mulr0.
  rewrite addr0 (exchange_big_dep predT) //= big1 // => b _.
  by rewrite -mulr_sumr by_current mulr0.
have term_ge0 a b : 0 <= w a b k * r a b k ^+ 2 by rewrite mulr_ge0 ?sqr_ge0.
have := @psumr_eq0P _ _ predT (fun a => \sum_(b | b != a) w a b k * r a b k ^+ 2).
move=> /(_ (fun a _ => sumr_ge0 _ (fun b _ => term_ge0 a b)) total i isT).
move=> /(psumr_eq0P (fun b _ => term_ge0 i b))/(_ j off)/eqP.
by rewrite mulf_eq0 gt_eqF //= sqrf_eq0 subr_eq0 => /eqP.
Qed.

(** Wrong: two nodes are enough. *)
Definition wrong_two_nodes : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (WM WV : V -> V -> R), (1 < #|V|)%N ->
  represents A WM WV -> exists c : V -> R, gauge_form A WM WV c.

Theorem wrong_two_nodes_fails : ~ wrong_two_nodes.
Proof.
pose A : rel bool := fun j k => j != k.
pose WM j k : rat := (A j k)%:R - 1 + j%:R; pose WV i k : rat := (reaches A i k)%:R - (~~ i)%:R.
move=> /(_ _ _ A WM WV); rewrite card_bool => /(_ isT)[i j k off|c [m _]].
  by rewrite /linear /structure /WM /WV; case: i j off => [] [] //= _; ring.
have /addrI one := m true true; have /addrI zero := m false true.
by have /eqP := oner_neq0 [ringType of rat]; apply; rewrite (one : 1 = _) -zero.
Qed.

(** Wrong: one constant will do for all next nodes. *)
Definition wrong_one_constant : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (WM WV : V -> V -> R), (2 < #|V|)%N ->
  represents A WM WV -> exists c : R, gauge_form A WM WV (fun=> c).

Theorem wrong_one_constant_fails : ~ wrong_one_constant.
Proof.
pose A : rel 'I_3 := fun j k => (j < k)%N; pose c (k : 'I_3) : rat := (k : nat)%:R.
move=> /(_ _ _ A (fun j k => (A j k)%:R - 1 + c k) (fun i k => (reaches A i k)%:R - c k)).
rewrite card_ord => /(_ isT)[|c0 [m _]]; first by apply: (@closed_form_holds _ _ _ _ _ c).
have /addrI one := m 0 1; have /addrI zero := m 0 0.
by have /eqP := oner_neq0 [ringType of rat]; apply; rewrite (one : 1 = _) -zero.
Qed.

(** Wrong: it is enough that every node occurs as a target and as a current. *)
Definition wrong_every_node_occurs : Prop :=
  forall (R : realFieldType) (V : finType) (P : V -> V -> bool) (WM WV WM' WV' : V -> V -> R),
  (2 < #|V|)%N -> (forall i, exists2 j, j != i & P i j) -> (forall j, exists2 i, j != i & P i j) ->
  agree P WM WV WM' WV' ->
  forall i j k, j != i -> linear WM WV i j k = linear WM' WV' i j k.

Theorem wrong_every_node_occurs_fails : ~ wrong_every_node_occurs.
Proof.
pose P (i j : bool * bool) := (i.1 == j.1).
move=> /(_ [realFieldType of rat] _ P) wrong.
pose O (_ _ : bool * bool) : rat := 0.
pose M (j _ : bool * bool) : rat := j.1%:R; pose N (i _ : bool * bool) : rat := - i.1%:R.
have : linear O O (true, true) (false, true) (true, true) =
  linear M N (true, true) (false, true) (true, true).
  apply: wrong => //; first by rewrite card_prod card_bool.
  - by move=> [a b]; exists (a, ~~ b); rewrite /P //= xpair_eqE eqxx; case: b.
  - by move=> [a b]; exists (a, ~~ b); rewrite /P //= xpair_eqE eqxx; case: b.
  - by move=> i j k /eqP same; rewrite /linear /O /M /N same; ring.
by move/eqP.
Qed.
