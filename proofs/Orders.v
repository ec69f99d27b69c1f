(** Updates of a table in any order: where they end.

    What Theorem 5.2 and the chapter on cycles need of it, once: a run whose steps are at most 1,
    from a start that no cycle holds up, comes to [A + R - 1] if the steps of each entry sum to
    infinity, and is there from some time on if each entry is replaced now and then.  A limit is
    said by distances, so that this holds in any ordered field. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** * Finite graphs *)

(** Off cycles, an edge leads to where fewer nodes can be reached. *)
Lemma fewer_ahead (V : finType) (e : rel V) (y z : V) :
  ~~ on_cycle e y -> e y z -> (#|connect e z| < #|connect e y|)%N.
Proof.
move=> no_cycle edge; apply/proper_card/properP; split.
  by apply/subsetP => w; apply: connect_trans (connect1 edge).
exists y; first exact: connect0.
by apply: contra no_cycle => back; apply/existsP; exists z; rewrite edge.
Qed.

(** Where it holds at no cycle, a property that some node has holds at a node none of whose next
    nodes has it: follow edges while you can. *)
Lemma last_with (V : finType) (e : rel V) (P : pred V) (x : V) :
  (forall y, P y -> ~~ on_cycle e y) -> P x -> exists2 y, P y & forall z, e y z -> ~~ P z.
Proof.
move=> no_cycle Px.
have [y Py least] := arg_minnP (fun y => #|connect e y|) Px.
exists y => // z edge; apply/negP => Pz.
have := least z Pz; rewrite leqNgt => /negP; apply.
exact: fewer_ahead (no_cycle y Py) edge.
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

Lemma structureE (R : realFieldType) (V : finType) (A : rel V) (i j k : V) :
  structure A R i j k = (A j k)%:R - 1 + (reaches A i k)%:R.
Proof. by rewrite /structure addrAC. Qed.

(** * Runs

    The goals of process reward depend on the table alone, not on what was drawn.  So what sampled
    Q-learning does is a run in this sense, whatever behaviour chooses the entries. *)

(** A run: at time [t] the entry [(j, k)] moves by a step [a t j k] toward its goal; 0 leaves it. *)
Definition run (R : realFieldType) (V : finType) (A : rel V) (i : V)
    (a f : nat -> V -> V -> R) : Prop :=
  forall t j k, j != i ->
  f t.+1 j k = f t j k + a t j k * (process A i (f t) j k - f t j k).

(** Steps of at most 1. *)
Definition steps_to1 (R : realFieldType) (V : finType) (a : nat -> V -> V -> R) : Prop :=
  forall t j k, 0 <= a t j k <= 1.

(** The steps of each entry sum to infinity. *)
Definition fair (R : realFieldType) (V : finType) (i : V) (a : nat -> V -> V -> R) : Prop :=
  forall j k, j != i -> forall M, exists t : nat, M <= \sum_(u < t) a u j k.

(** The table comes to [g]: within every distance, from some time on. *)
Definition comes_to (R : realFieldType) (V : finType) (i : V) (f : nat -> V -> V -> R)
    (g : V -> V -> R) : Prop :=
  forall eps, 0 < eps -> exists T : nat, forall t j k, (T <= t)%N -> j != i ->
  `|f t j k - g j k| <= eps.

(** From some time on. *)
Definition from_then (P : nat -> Prop) : Prop := exists T, forall t, (T <= t)%N -> P t.

Lemma from_then_imp (P Q : nat -> Prop) : (forall t, P t -> Q t) -> from_then P -> from_then Q.
Proof. by move=> imp [T at_T]; exists T => t late; apply/imp/at_T. Qed.

Lemma from_then_both (P Q : nat -> Prop) :
  from_then P -> from_then Q -> from_then (fun t => P t /\ Q t).
Proof.
move=> [T at_T] [U at_U]; exists (maxn T U) => t; rewrite geq_max => /andP[late_T late_U].
by split; [apply: at_T | apply: at_U].
Qed.

Lemma from_then_all (I : finType) (P : I -> nat -> Prop) :
  (forall x, from_then (P x)) -> from_then (fun t => forall x, P x t).
Proof.
case/fin_all_exists => T at_T; exists (\max_x T x) => t late x.
by apply: at_T; apply: leq_trans late; apply: leq_bigmax.
Qed.

Lemma mix_le (R : realFieldType) (x y b a : R) :
  0 <= a <= 1 -> x <= b -> y <= b -> x + a * (y - x) <= b.
Proof.
case/andP=> a0 a1 xb yb; have -> : x + a * (y - x) = (1 - a) * x + a * y by ring.
have -> : b = (1 - a) * b + a * b by ring.
by rewrite ler_add ?ler_wpmul2l // subr_ge0.
Qed.

Lemma mix_ge (R : realFieldType) (x y b a : R) :
  0 <= a <= 1 -> b <= x -> b <= y -> b <= x + a * (y - x).
Proof.
move=> small bx by_; have := @mix_le _ (- x) (- y) (- b) a small.
rewrite !ler_opp2 => /(_ bx by_); rewrite -ler_opp2; congr (_ <= _); ring.
Qed.

(** One number that moves toward goals which are at most [b] comes below [b]. *)
Section Forgets.
Variables (R : realFieldType) (x g a : nat -> R).
Hypothesis moves : forall t, x t.+1 = x t + a t * (g t - x t).
Hypothesis small : forall t, 0 <= a t <= 1.
Notation S t := (\sum_(u < t) a u).

Lemma excess_falls b T d : (forall t, (T <= t)%N -> g t <= b) ->
  Num.max (x (T + d)%N - b) 0 * (1 + (S (T + d)%N - S T)) <= Num.max (x T - b) 0.
Proof.
move=> low; elim: d => [|d IH]; first by rewrite addn0 subrr addr0 mulr1.
rewrite addnS; set t := (T + d)%N in IH *; have /andP[a0 a1] := small t.
have S0 : 0 <= S t - S T.
  rewrite subr_ge0 /t; elim: (d) => [|e]; first by rewrite addn0.
  rewrite addnS big_ord_recr /= => /le_trans->//.
  by rewrite ler_addl; case/andP: (small (T + e)).
apply: le_trans IH; rewrite big_ord_recr /=.
have e0 : 0 <= Num.max (x t - b) 0 by rewrite le_maxr lexx orbT.
have fall : Num.max (x t.+1 - b) 0 <= (1 - a t) * Num.max (x t - b) 0.
  rewrite le_maxl mulr_ge0 ?subr_ge0 // andbT moves.
  have -> : x t + a t * (g t - x t) - b = (1 - a t) * (x t - b) + a t * (g t - b) by ring.
  rewrite -[X in _ <= X]addr0; apply: ler_add.
    by rewrite ler_wpmul2l ?subr_ge0 // le_maxr lexx.
  by rewrite mulr_ge0_le0 // subr_le0 low // leq_addr.
apply: le_trans (ler_wpmul2r _ fall) _; first by rewrite addr_ge0 ?ler01 // addrAC addr_ge0.
rewrite mulrAC mulrC ler_wpmul2l // -subr_ge0.
have -> : 1 + (S t - S T) - (1 - a t) * (1 + (S t + a t - S T)) = a t * (S t - S T + a t) by ring.
by rewrite mulr_ge0 // addr_ge0.
Qed.

Hypothesis fair : forall M, exists t, M <= S t.

Lemma forgets_above b eps : 0 < eps ->
  from_then (fun t => g t <= b) -> from_then (fun t => x t <= b + eps).
Proof.
move=> eps0 [T low]; pose e := Num.max (x T - b) 0; have [U enough] := fair (e / eps + S T).
exists (maxn T U) => t; rewrite geq_max => /andP[late_T late_U].
have := excess_falls (t - T) low; rewrite subnKC // -/e => fall.
have {}enough : e / eps <= S t - S T.
  rewrite ler_subr_addr (le_trans enough) // -(subnKC late_U); elim: (t - U)%N => [|d IH].
    by rewrite addn0.
  by rewrite addnS big_ord_recr /= (le_trans IH) // ler_addl; case/andP: (small (U + d)).
rewrite -ler_subl_addl leNgt; apply/negP => high; move: fall; apply/negP; rewrite -ltNge.
have above : eps < Num.max (x t - b) 0 by rewrite lt_maxr high.
have e0 : 0 <= e by rewrite le_maxr lexx orbT.
apply: (@lt_le_trans _ _ (eps * (1 + e / eps))).
  by rewrite mulrDr mulr1 mulrCA divff ?lt0r_neq0 // mulr1 ltr_addr.
have one : 0 <= 1 + e / eps by rewrite addr_ge0 // divr_ge0 // ltW.
by apply: ler_pmul; rewrite ?ler_add2l // ltW.
Qed.
End Forgets.

(** What a start must satisfy: where edges off the target lead from a node on a cycle to another
    node, its values are at most the reachability of the first; elsewhere one more is forgiven. *)
Definition in_basin (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R) :=
  forall c e, on_cycle (without A i) c -> e != i ->
  best i start e <= (reaches A i c)%:R + (~~ connect (without A i) c e)%:R.

Section Converges.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R).
Hypotheses (is_run : run A i a f) (small : steps_to1 a).
Notation v t k := (best i (f t) k).
Notation r k := ((reaches A i k)%:R : R).

(** How near values are to come: within each [eps] above 0, or exactly. *)
Variable near : R -> Prop.
Hypothesis near_ge0 : forall e, near e -> 0 <= e.
Hypothesis near_half : forall e, near e -> exists2 d, near d & d + d <= e.
Hypothesis forgets_up : forall j k b, j != i -> from_then (fun t => process A i (f t) j k <= b) ->
  forall e, near e -> from_then (fun t => f t j k <= b + e).
Hypothesis forgets_down : forall j k b, j != i -> from_then (fun t => b <= process A i (f t) j k) ->
  forall e, near e -> from_then (fun t => b - e <= f t j k).

Definition at_most (x : nat -> R) (b : R) := forall e, near e -> from_then (fun t => x t <= b + e).
Definition at_least (x : nat -> R) (b : R) := forall e, near e -> from_then (fun t => b - e <= x t).

Lemma row_at_most j b : j != i -> (forall k, at_most (fun t => process A i (f t) j k) b) ->
  at_most (fun t => v t j) b.
Proof.
move=> off low e /near_half[d near_d half].
have /from_then_all : forall k, from_then (fun t => f t j k <= b + d + d).
  by move=> k; apply: forgets_up => //; apply: low.
apply: from_then_imp => t below; apply: best_le => k.
by rewrite (le_trans (below k)) // -addrA ler_add2l.
Qed.

Lemma entry_at_least j k b : j != i -> at_least (fun t => process A i (f t) j k) b ->
  at_least (fun t => f t j k) b.
Proof.
move=> off high e /near_half[d near_d half].
have := forgets_down off (high d near_d) near_d; apply: from_then_imp => t; apply: le_trans.
by rewrite -addrA -opprD ler_add2l ler_opp2.
Qed.

(** No goal is above what a bound of this kind allows. *)
Lemma goals_at_most (g : V -> R) M j k : j != i ->
  (forall m, m != i -> at_most (fun t => v t m) M) ->
  (forall m, without A i j m -> at_most (fun t => v t m) (g j)) ->
  (A j i)%:R <= g j -> M - 1 <= g j -> at_most (fun t => process A i (f t) j k) (g j).
Proof.
move=> off all ahead onto across e near_e; rewrite /process /Planning.ahead.
have [->|off_k] := eqVneq k i.
  by exists 0%N => t _; rewrite subrK (le_trans onto) // ler_addl near_ge0.
case: (boolP (A j k)) => edge.
  have := ahead k _ e near_e; rewrite /without edge off off_k => /(_ isT).
  by apply: from_then_imp => t; rewrite subrr add0r.
have := all k off_k e near_e; apply: from_then_imp => t low.
by rewrite sub0r addrC ler_subl_addr (le_trans low) // addrAC ler_add2r -ler_subl_addr.
Qed.

Lemma descend (g : V -> R) M :
  (forall m, m != i -> at_most (fun t => v t m) M) ->
  (forall c, on_cycle (without A i) c -> at_most (fun t => v t c) (g c)) ->
  (forall j, j != i -> (A j i)%:R <= g j /\ M - 1 <= g j) ->
  (forall j k, without A i j k -> g k <= g j) ->
  forall j, j != i -> at_most (fun t => v t j) (g j).
Proof.
move=> all cycles ends falls j; have [n] := ubnP #|connect (without A i) j|.
elim: n j => // n IH j; rewrite ltnS => few off.
case: (boolP (on_cycle (without A i) j)) => [/cycles//|no_cycle].
have [onto across] := ends j off; apply: row_at_most => // k; apply: (goals_at_most (M := M)) => //.
move=> m edge e near_e; have [_ _ off_m] := and3P edge.
have := IH m (leq_trans (fewer_ahead no_cycle edge) few) off_m e near_e.
by apply: from_then_imp => t low; rewrite (le_trans low) // ler_add2r falls.
Qed.

(** Bounds that goals keep are kept. *)
Lemma bound_kept (b : V -> R) : (forall j, j != i -> v 0%N j <= b j) ->
  (forall j, j != i -> (A j i)%:R <= b j) ->
  (forall j k, j != i -> k != i -> (A j k)%:R - 1 + b k <= b j) ->
  forall t j, j != i -> v t j <= b j.
Proof.
move=> start onto goals; elim=> [//|t IH] j off; apply: best_le => k.
rewrite is_run // mix_le //; first by apply: le_trans (best_ge i _ j k) _; apply: IH.
rewrite /process /ahead; have [->|off_k] := eqVneq k i; first by rewrite subrK onto.
by apply: le_trans (goals j k off off_k); rewrite ler_add2l IH.
Qed.

Variable m0 : nat.
Hypotheses (bounded : forall k, k != i -> v 0%N k <= m0%:R) (basin : in_basin A i (f 0%N)).

Lemma cycles_low c : on_cycle (without A i) c -> forall t, v t c <= r c.
Proof.
move=> on t; have off : c != i by case/existsP: on => y /andP[/and3P[]].
pose b e : R := r c + (~~ connect (without A i) c e)%:R.
suff : v t c <= b c by rewrite /b connect0 addr0.
apply: (bound_kept (b := b)) => // [e off_e|j off_j|j k off_j off_k]; rewrite /b.
- exact: basin.
- case: (boolP (A j i)) => edge; last by rewrite addr_ge0 ?ler0n.
  case: (boolP (connect _ c j)) => [there|_]; last by rewrite ler_addr ler0n.
  have -> : reaches A i c; last by rewrite addr0.
  apply: connect_trans (connect1 edge); apply: connect_sub there => x y /and3P[xy _ _].
  exact: connect1.
- case: (boolP (A j k)) => edge; last first.
    rewrite sub0r addrCA ler_add2l; apply: le_trans (ler0n _ _).
    by rewrite addrC subr_le0 lern1 leq_b1.
  rewrite subrr add0r ler_add2l ler_nat; case: (boolP (connect _ c k)) => // apart.
  have -> // : ~~ connect (without A i) c j; apply: contra apart => there.
  by apply: connect_trans there (connect1 _); rewrite /without edge off_j.
Qed.

Lemma all_at_most n k : k != i -> (n <= m0)%N ->
  at_most (fun t => v t k) (m0 - n).+1%:R.
Proof.
elim: n k => [|n IH] k off less e near_e.
  exists 0%N => t _; rewrite subn0; apply: (@le_trans _ _ m0.+1%:R); last first.
    by rewrite ler_addl near_ge0.
  apply: (bound_kept (b := fun=> m0.+1%:R)) => // [j off_j|j _|j m _ _].
  - by rewrite (le_trans (bounded off_j)) // ler_nat.
  - by rewrite ler_nat (leq_trans (leq_b1 _)).
  - by rewrite ger_addr subr_le0 lern1 leq_b1.
have {}IH := IH _ _ (ltnW less).
apply: (descend (g := fun=> (m0 - n.+1).+1%:R) (M := (m0 - n).+1%:R)) => // [c on|j _].
  move=> d near_d; exists 0%N => t _; apply: le_trans (cycles_low on t) _.
  by apply: ler_paddr; rewrite ?near_ge0 // ler_nat (leq_trans (leq_b1 _)).
rewrite ler_nat (leq_trans (leq_b1 _)) //; split=> //.
by rewrite ler_subl_addr -(natrD _ _ 1) ler_nat addn1 subnSK.
Qed.

Lemma upper j : j != i -> at_most (fun t => v t j) (r j).
Proof.
apply: (descend (g := fun k => r k) (M := 1)) => [k off|c on e near_e|k off|m k /and3P[edge _ _]].
- by have := all_at_most off (leqnn m0); rewrite subnn.
- by exists 0%N => t _; apply: ler_paddr; rewrite ?near_ge0 ?cycles_low.
- rewrite subrr ler0n ler_nat; case: (boolP (A k i)) => // edge.
  by rewrite (step_reaches edge (connect0 _ _)).
- by rewrite ler_nat; case: (boolP (reaches A i k)) => // /(step_reaches edge)->.
Qed.

Lemma lower j : j != i -> at_least (fun t => v t j) (r j).
Proof.
have via x k b : x != i -> at_least (fun t => process A i (f t) x k) b ->
    at_least (fun t => v t x) b.
  move=> off high e near_e; have := entry_at_least off high near_e; apply: from_then_imp => t low.
  exact: le_trans low (best_ge i _ x k).
move=> off; case: (boolP (reaches A i j)) => [/connectP[p]|_]; last first.
  apply: (via j i 0 off) => e near_e; exists 0%N => t _.
  by rewrite /process /ahead eqxx subrK sub0r (le_trans _ (ler0n _ _)) // oppr_le0 near_ge0.
elim: p j off => [|k p IH] j off /=; first by move=> _ same; rewrite same eqxx in off.
case/andP=> edge walk last; apply: (via j k) => // e near_e; rewrite /process edge subrr /ahead.
have [_|off_k] := eqVneq k i.
  by exists 0%N => t _; rewrite add0r ler_subl_addr ler_addl near_ge0.
by have := IH k off_k walk last e near_e; apply: from_then_imp => t; rewrite add0r.
Qed.

Lemma settles e : near e ->
  from_then (fun t => forall j k, j != i -> `|f t j k - structure A R i j k| <= e).
Proof.
move=> near_e; have each (x : V * V) : from_then (fun t => x.1 != i ->
    `|f t x.1 x.2 - structure A R i x.1 x.2| <= e).
  case: x => j k /=; have [->|off] := eqVneq j i; first by exists 0%N.
  have [d near_d half] := near_half near_e.
  have [up down] : from_then (fun t => process A i (f t) j k <= structure A R i j k + d) /\
      from_then (fun t => structure A R i j k - d <= process A i (f t) j k).
    rewrite structureE /process /ahead; have [->|off_k] := eqVneq k i.
      have d0 := near_ge0 near_d; rewrite /reaches connect0.
      by split; exists 0%N => t _; rewrite ?ler_subl_addr ler_addl.
    split; [have := upper off_k near_d | have := lower off_k near_d];
      apply: from_then_imp => t near_t.
      by rewrite -[X in _ <= X]addrA ler_add2l.
    by rewrite -[X in X <= _]addrA ler_add2l.
  move: (structure A R i j k) up down => s up down.
  have := from_then_both (forgets_up off up near_d) (forgets_down off down near_d).
  apply: from_then_imp => t [low high] _; rewrite ler_distl; apply/andP; split.
    by apply: le_trans high; rewrite -addrA -opprD ler_add2l ler_opp2.
  by apply: le_trans low _; rewrite -addrA ler_add2l.
by have := from_then_all each; apply: from_then_imp => t all j k; apply: (all (j, k)).
Qed.
End Converges.

(** The two kinds of nearness. *)
Section Kinds.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (a f : nat -> V -> V -> R).
Hypotheses (is_run : run A i a f) (small : steps_to1 a).
Variable m : nat.
Hypotheses (bounded : forall k, k != i -> best i (f 0%N) k <= m%:R) (basin : in_basin A i (f 0%N)).

Lemma comes_in_basin : fair i a -> comes_to i f (structure A R i).
Proof.
move=> fair_a eps eps0; have ever j k (off : j != i) := fair_a j k off.
have half e : 0 < e -> exists2 d : R, 0 < d & d + d <= e.
  by move=> e0; exists (e / 2%:R); rewrite ?divr_gt0 ?ltr0n // -splitr.
have up j k b : j != i -> from_then (fun t => process A i (f t) j k <= b) ->
    forall e, 0 < e -> from_then (fun t => f t j k <= b + e).
  move=> off low e e0.
  exact: (forgets_above (fun t => is_run t k off) (fun t => small t j k) (ever j k off) e0 low).
have down j k b : j != i -> from_then (fun t => b <= process A i (f t) j k) ->
    forall e, 0 < e -> from_then (fun t => b - e <= f t j k).
  move=> off high e e0.
  have moves t : - f t.+1 j k = - f t j k + a t j k * (- process A i (f t) j k - - f t j k).
    by rewrite is_run //; ring.
  have := forgets_above moves (fun t => small t j k) (ever j k off) e0 (b := - b).
  have low : from_then (fun t => - process A i (f t) j k <= - b).
    by apply: from_then_imp high => t; rewrite ler_opp2.
  by move=> /(_ low); apply: from_then_imp => t; rewrite -ler_opp2 opprD !opprK.
have [T near] := settles is_run small (fun e => @ltW _ _ 0 e) half up down bounded basin eps0.
by exists T => t j k late; apply: near.
Qed.

Lemma arrives_in_basin :
  (forall j k T, j != i -> exists2 t, (T <= t)%N & a t j k = 1) ->
  exists T : nat, forall t j k, (T <= t)%N -> j != i -> f t j k = structure A R i j k.
Proof.
move=> again; pose near e := e = 0 :> R.
have up j k b : j != i -> from_then (fun t => process A i (f t) j k <= b) ->
    forall e, near e -> from_then (fun t => f t j k <= b + e).
  move=> off [T low] e ->; have [u late one] := again j k T off.
  exists u.+1 => t /subnKC <-; rewrite addr0; elim: (t - u.+1)%N => [|d IH].
    by rewrite addn0 is_run // one mul1r addrC subrK low.
  by rewrite addnS is_run // mix_le // low // (leq_trans late) // addSn leqW ?leq_addr.
have down j k b : j != i -> from_then (fun t => b <= process A i (f t) j k) ->
    forall e, near e -> from_then (fun t => b - e <= f t j k).
  move=> off [T high] e ->; have [u late one] := again j k T off.
  exists u.+1 => t /subnKC <-; rewrite subr0; elim: (t - u.+1)%N => [|d IH].
    by rewrite addn0 is_run // one mul1r addrC subrK high.
  by rewrite addnS is_run // mix_ge // high // (leq_trans late) // addSn leqW ?leq_addr.
have ge0 e : near e -> 0 <= e by move->.
have half e : near e -> exists2 d, near d & d + d <= e by move->; exists 0; rewrite ?addr0.
have [T close] := settles is_run small ge0 half up down bounded basin (erefl 0).
exists T => t j k late off; apply/eqP; rewrite -subr_eq0 -normr_le0.
exact: close.
Qed.
End Kinds.

Lemma in_basin_acyclic (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R) :
  acyclic (without A i) -> in_basin A i start.
Proof. by move=> /forallP no c e on; have := no c; rewrite on. Qed.

Lemma in_basin_below (R : realFieldType) (V : finType) (A : rel V) (i : V) (start : V -> V -> R) :
  (forall k, k != i -> best i start k <= (reaches A i k)%:R) -> in_basin A i start.
Proof.
move=> below c e _ off; apply: le_trans (below e off) _; rewrite -natrD ler_nat.
case: (boolP (connect _ c e)) => [there|_]; last by rewrite (leq_trans (leq_b1 _)) // leq_addl.
case: (boolP (reaches A i e)) => // on; suff -> : reaches A i c by [].
apply: connect_trans on; apply: connect_sub there => x y /and3P[xy _ _]; exact: connect1.
Qed.

(** No value lies above all whole numbers; in the rationals and the reals none does. *)
Definition no_infinity (R : realFieldType) (V : finType) (i : V) (start : V -> V -> R) : Prop :=
  exists m : nat, forall k, k != i -> best i start k <= m%:R.

Lemma archimedean (R : archiFieldType) (V : finType) (i : V) (start : V -> V -> R) :
  no_infinity i start.
Proof.
exists (Num.bound (\sum_k `|best i start k|)) => k _; apply: le_trans (ler_norm _) _.
have sum_ge0 : 0 <= \sum_k `|best i start k| by apply: sumr_ge0.
apply: ltW (le_lt_trans _ (archi_boundP sum_ge0)).
by rewrite (bigD1 k) //= ler_addl sumr_ge0.
Qed.
