(** Theorem 4.2: policy gradient learns the training pairs, row by row.

    The paper: with outcome reward 1 for correct sequences and no KL term, the gradient lowers the
    wrong logits, conserves the sum of a row, and stops only where all that is sampled is correct.
    Here, exactly and for all graphs: the sign on every sample; the conserved sum over a whole run
    of plain SGD; the expected gradient in closed form; that no policy of full support is
    stationary when its source can reach the target within the horizon; that a policy of any
    support is stationary exactly if each source succeeds with probability 0 or 1; and that where
    policies tend to a limit and their expected gradient to 0, success tends to 0 or to 1.  Legal
    self-loops are allowed.  Corrected against the paper: the row of a node that cannot reach the
    target is stationary too, whatever is sampled there.
    Left out: that the gradient along the flow tends to 0, and how fast; that the expected score
    times the reward is the derivative of the chance of success (T4_1 has the derivative of the
    log-likelihood). *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning Exponential Episodes Limits.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** What one episode adds to entry [(j, k)] for a step size 1: reward times score. *)
Definition ascent (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R)
    (j k s : V) (u : seq V) : R := (correct A i s u)%:R * score q j k s u.

(** No sample raises a wrong logit: the ascent direction there is at most 0. *)
Definition wrong_logits_never_rise : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (s : V)
    (u : seq V) (j k : V),
  (forall x m, 0 <= q x m) -> ~~ is_next A i j k -> ascent A i q j k s u <= 0.

Lemma correct_reaches (V : finType) (A : rel V) (i x : V) u : correct A i x u -> reaches A i x.
Proof.
elim: u x => [//|m u IH] x /= /andP[edge]; case: eqP => [<- _|_ /IH far]; first exact: connect1.
exact: connect_trans (connect1 edge) far.
Qed.

(** The steps of a correct sequence are correct. *)
Lemma correct_step (V : finType) (A : rel V) (i x m : V) u :
  correct A i x (m :: u) -> is_next A i x m.
Proof.
rewrite /is_next /= => /andP[->]; case: eqP => [-> _|_ /correct_reaches //].
exact: connect0.
Qed.

Theorem wrong_logits_never_rise_holds : wrong_logits_never_rise.
Proof.
move=> R V A i q s u j k pos wrong; rewrite /ascent.
case ok: (correct A i s u); last by rewrite mul0r.
rewrite mul1r; elim: u s ok => [//|m u IH] s ok /=.
have below : (if s == j then (m == k)%:R - q j k else 0) <= 0.
  case: eqP => // here; suff /negPf-> : m != k by rewrite sub0r oppr_le0.
  by apply: contraNneq wrong => <-; rewrite -here; apply: correct_step ok.
move: ok => /= /andP[_]; case: eqP => [_ /eqP->|_ /IH rest]; first by rewrite addr0.
by rewrite -[X in _ <= X]addr0 ler_add.
Qed.

(** The sum of a row is conserved by every sample. *)
Definition rows_sum_to_zero : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (s : V)
    (u : seq V) (j : V),
  \sum_k q j k = 1 -> \sum_k ascent A i q j k s u = 0.

Theorem rows_sum_to_zero_holds : rows_sum_to_zero.
Proof. by move=> R V A i q s u j one; rewrite -mulr_sumr score_sum ?mulr0. Qed.

(** A run of plain SGD from the table [f 0]: step size [eta n], the [n]-th sample [(s n, u n)]. *)
Definition sgd_run (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
    (eta : nat -> R) (s : nat -> V) (u : nat -> seq V) (f : nat -> V -> V -> R) : Prop :=
  forall n j k,
  f n.+1 j k = f n j k + eta n * ascent A i (policy E (f n)) j k (s n) (u n).

(** Over a whole run: wrong logits do not rise, and every row keeps its sum. *)
Definition monotone_run : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
    (eta : nat -> R) (s : nat -> V) (u : nat -> seq V) (f : nat -> V -> V -> R),
  (forall n, 0 <= eta n) -> sgd_run E A i eta s u f -> forall n j,
  \sum_k f n j k = \sum_k f 0%N j k /\ forall k, ~~ is_next A i j k -> f n.+1 j k <= f n j k.

Theorem monotone_run_holds : monotone_run.
Proof.
move=> R E V A i eta s u f pos run n j; split=> [|k wrong]; last first.
  rewrite run ger_addl mulr_ge0_le0 //; apply: wrong_logits_never_rise_holds wrong => x m.
  exact: ltW (softmax_gt0 _ _ _).
elim: n => [//|n <-]; under eq_bigr do rewrite run.
rewrite big_split -mulr_sumr /= rows_sum_to_zero_holds ?mulr0 ?addr0 //.
exact: (softmax_sum E (f n j) j).
Qed.

(** What a visit to a row expects, when the step to [m] is worth [p m]. *)
Definition expected_row : Prop :=
  forall (R : realFieldType) (V : finType) (q p : V -> R) (k : V),
  \sum_m q m * p m * ((m == k)%:R - q k) = q k * (p k - \sum_m q m * p m).

Theorem expected_row_holds : expected_row.
Proof.
move=> R V q p k; under eq_bigr do rewrite mulrBr.
rewrite sumrB -mulr_suml (bigD1 k) //= eqxx big1 => [|m /negPf->]; last by rewrite mulr0.
by rewrite mulr1 addr0 mulrBr (mulrC _ (q k)).
Qed.

(** A row of full support is stationary exactly when all its steps are worth the same. *)
Definition stationary_rows : Prop :=
  forall (R : realFieldType) (V : finType) (q p : V -> R),
  (forall k, 0 < q k) -> \sum_k q k = 1 ->
  (forall k, \sum_m q m * p m * ((m == k)%:R - q k) = 0) <-> (forall k k', p k = p k').

Theorem stationary_rows_holds : stationary_rows.
Proof.
move=> R V q p pos one; split=> [flat k k'|same k].
  suff at_mean m : p m = \sum_m q m * p m by rewrite !at_mean.
  have /eqP := flat m; rewrite expected_row_holds mulf_eq0 (gt_eqF (pos m)) /=.
  by rewrite subr_eq0 => /eqP.
rewrite expected_row_holds; under eq_bigr do rewrite (same _ k).
by rewrite -mulr_suml one mul1r subrr mulr0.
Qed.

(** The chance of success from [j] with [h] steps left; illegal steps forfeit it. *)
Fixpoint success (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R)
    (h : nat) (j : V) : R :=
  if j == i then 1 else
  if h is h'.+1 then \sum_k q j k * (A j k)%:R * success A i q h' k else 0.

(** The expected gradient in entry [(j, k)] from [x]: a visit to [j] on a legal prefix adds the
    chance of [k] times what the step to [k] is worth beyond the mean. *)
Fixpoint expected_grad (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R)
    (j k : V) (h : nat) (x : V) : R :=
  if h is h'.+1 then if x == i then 0 else
    (if x == j then q j k * ((A j k)%:R * success A i q h' k - success A i q h j) else 0)
    + \sum_m q x m * (A x m)%:R * expected_grad A i q j k h' m
  else 0.

(** Both are the means over episodes that they stand for. *)
Definition they_are_means : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat) (s : V),
  stochastic q -> s != i ->
  expect i q h s (fun u => (correct A i s u)%:R) = success A i q h s
  /\ forall j k, expect i q h s (ascent A i q j k s) = expected_grad A i q j k h s.

(** Finite logits (full support), and a source from which success is possible: not stationary. *)
Definition no_finite_stationary_point : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat) (s : V),
  (forall j k, 0 < q j k) -> (forall j, \sum_k q j k = 1) ->
  s != i -> 0 < success A i q h s ->
  exists j k, 0 < expected_grad A i q j k h s.

Section Success.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R).
Hypothesis law : stochastic q.
Notation success := (success A i q).

Lemma success_target h : success h i = 1.
Proof. by case: h => [|h] /=; rewrite eqxx. Qed.

Lemma success_bounds h j : 0 <= success h j <= 1.
Proof.
elim: h j => [|h IH] j /=; case: eqP => _; rewrite ?lexx ?ler01 //.
apply/andP; split.
  by apply: sumr_ge0 => k _; rewrite !mulr_ge0 ?ler0n ?(law j).1 //; case/andP: (IH k).
rewrite -[X in _ <= X](law j).2; apply: ler_sum => k _; rewrite -mulrA ler_pimulr ?(law j).1 //.
by case: (A j k); rewrite ?mul1r ?mul0r ?ler01 //; case/andP: (IH k).
Qed.

(** A policy that can stay where it is does not always succeed. *)
Lemma success_lt1 h j : 0 < q j j -> j != i -> success h j < 1.
Proof.
move=> stay off; elim: h => [|h IH] /=; rewrite (negPf off) ?ltr01 //.
rewrite -[X in _ < X](law j).2 (bigD1 j) //= [X in _ < X](bigD1 j) //=; apply: ltr_le_add.
  rewrite -mulrA -[X in _ < X]mulr1 ltr_pmul2l //.
  by case: (A j j); rewrite ?mul1r ?mul0r ?ltr01.
apply: ler_sum => k _; rewrite -mulrA ler_pimulr ?(law j).1 //.
by case: (A j k); rewrite ?mul1r ?mul0r ?ler01 //; case/andP: (success_bounds h k).
Qed.

(** A mean of a sum over a constant and a rest. *)
Lemma expect_split h x c F G :
  expect i q h x (fun u => c * F u + G u) = c * expect i q h x F + expect i q h x G.
Proof. exact: expect_lin. Qed.

Lemma success_is_mean h s : s != i ->
  expect i q h s (fun u => (correct A i s u)%:R) = success h s.
Proof.
elim: h s => [|h IH] s off /=; rewrite (negPf off) //.
apply: eq_bigr => m _; rewrite -mulrA; congr (_ * _).
case: (A s m) => /=; last by rewrite mul0r expect_const.
rewrite mul1r; have [->|off_m] := eqVneq m i; last exact: IH.
rewrite success_target; case: (h) => [|h'] /=; rewrite ?eqxx //.
Qed.

Lemma grad_is_mean j k h s : s != i ->
  expect i q h s (ascent A i q j k s) = expected_grad A i q j k h s.
Proof.
elim: h s => [|h IH] s off /=; first by rewrite /ascent mul0r.
rewrite (negPf off) /ascent /=.
set c := fun m => if s == j then (m == k)%:R - q j k else 0.
have step m : expect i q h m (fun u => (A s m && (if m == i then u == [::] else correct A i m u))%:R
      * (c m + score q j k m u))
    = c m * ((A s m)%:R * success h m) + (A s m)%:R * expected_grad A i q j k h m.
  case: (A s m) => /=; last first.
    rewrite !mul0r mulr0 addr0 -[RHS](expect_const i law h m).
    by apply: (mean_ext (expect_mean i law h m)) => u _; rewrite mul0r.
  rewrite !mul1r; have [->|off_m] := eqVneq m i.
    rewrite success_target mulr1; case: (h) => [|h'] /=; rewrite ?eqxx /= ?mul1r ?addr0 //.
  rewrite -success_is_mean // -IH // -expect_lin.
  by apply: (mean_ext (expect_mean i law h m)) => u _; rewrite mulrDr [_ * c m]mulrC.
under eq_bigr do rewrite step mulrDr.
rewrite big_split /=; congr (_ + _); last by apply: eq_bigr => m _; rewrite mulrA.
rewrite /c; have [here|_] := eqVneq s j; last by rewrite big1 // => m _ /=; rewrite mul0r mulr0.
move: off; rewrite here => /negPf->.
have -> : \sum_m q j m * (A j m)%:R * success h m = \sum_m q j m * ((A j m)%:R * success h m).
  by apply: eq_bigr => m _; rewrite mulrA.
rewrite -(expected_row_holds (q j) (fun m => (A j m)%:R * success h m) k).
by apply: eq_bigr => m _; rewrite -mulrA [X in _ * X]mulrC.
Qed.

Lemma onto_target_ge0 j h x : A j i -> 0 <= expected_grad A i q j i h x.
Proof.
move=> edge; elim: h x => [//|h IH] x; rewrite [expected_grad _ _ _ _ _ _ _]/=.
case: eqP => // off; apply: addr_ge0.
  case: eqP => // _; rewrite mulr_ge0 ?(law j).1 // edge mul1r success_target subr_ge0.
  by case/andP: (success_bounds h.+1 j).
by apply: sumr_ge0 => m _; rewrite !mulr_ge0 ?ler0n ?(law x).1.
Qed.
End Success.

Theorem they_are_means_holds : they_are_means.
Proof.
move=> R V A i q h s law off; split=> [|j k]; first exact: success_is_mean.
exact: grad_is_mean.
Qed.

Theorem no_finite_stationary_point_holds : no_finite_stationary_point.
Proof.
move=> R V A i q h s pos one off some.
have law : stochastic q by move=> x; split=> // k; apply: ltW.
suff [j edge rise] : exists2 j, A j i & 0 < expected_grad A i q j i h s by exists j, i.
elim: h s off some => [|h IH] s off; first by rewrite /= (negPf off) ltxx.
rewrite [success _ _ _ _ _]/= (negPf off) => some.
have /existsP[k good] : [exists k, 0 < q s k * (A s k)%:R * success A i q h k].
  apply: contraTT some => /existsPn none; rewrite -leNgt.
  by rewrite -oppr_ge0 -sumrN sumr_ge0 // => k _; rewrite oppr_ge0 leNgt none.
have edge : A s k by move: good; case: (A s k) => //; rewrite mulr0 mul0r ltxx.
have [at_i|off_k] := eqVneq k i.
  exists s; rewrite -?at_i //= at_i (negPf off) eqxx; apply: ltr_spaddl.
    rewrite mulr_gt0 // -at_i edge mul1r at_i success_target subr_gt0.
    have := success_lt1 A law h.+1 (pos s s) off; rewrite /= (negPf off); exact.
  apply: sumr_ge0 => m _; rewrite !mulr_ge0 ?ler0n ?(ltW (pos _ _)) //.
  by apply: onto_target_ge0; rewrite // -at_i.
have [|j onto rise] := IH k off_k.
  by move: good; rewrite edge mulr1 pmulr_rgt0.
exists j => //; rewrite [expected_grad _ _ _ _ _ _ _]/= (negPf off); apply: ltr_spaddr.
  rewrite (bigD1 k) //=; apply: ltr_spaddl; first by rewrite edge mulr1 mulr_gt0.
  by apply: sumr_ge0 => m _; rewrite !mulr_ge0 ?ler0n ?(ltW (pos _ _)) ?onto_target_ge0.
case: eqP => // _; rewrite mulr_ge0 ?(ltW (pos _ _)) // onto mul1r success_target subr_ge0.
by have /andP[] := success_bounds A i law h.+1 j.
Qed.

(** The row of a node that cannot reach the target is stationary, from every source. *)
Definition hopeless_rows_are_stationary : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (j : V),
  ~~ reaches A i j -> forall (k : V) (h : nat) (x : V), expected_grad A i q j k h x = 0.

Lemma success_hopeless (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) h j :
  ~~ reaches A i j -> success A i q h j = 0.
Proof.
elim: h j => [|h IH] j far /=.
  by case: eqP far => // ->; rewrite /reaches connect0.
case: eqP far => [->|_ far]; first by rewrite /reaches connect0.
apply: big1 => k _; case edge: (A j k); last by rewrite mulr0 mul0r.
by rewrite IH ?mulr0 //; apply: contra far; apply: connect_trans (connect1 edge).
Qed.

Theorem hopeless_rows_are_stationary_holds : hopeless_rows_are_stationary.
Proof.
move=> R V A i q j far k; elim=> [//|h IH] x.
rewrite [expected_grad _ _ _ _ _ _ _]/=; case: eqP => // _.
rewrite [X in _ + X]big1 ?addr0 => [|m _]; last by rewrite IH mulr0.
case: eqP => // _; have := success_hopeless q h.+1 far; rewrite /= => ->; rewrite subr0.
case edge: (A j k); last by rewrite mul0r mulr0.
rewrite success_hopeless ?mulr0 //.
by apply: contra far; apply: connect_trans (connect1 edge).
Qed.

(** * Policies of restricted support *)

(** Stationary, whatever the support: success from each source is 0 or 1.  Sources have weights [mu]
    and share their rows; [h] steps are allowed. *)
Definition stationary_iff_success_0_or_1 : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat)
    (mu : V -> R), stochastic q -> (forall s, 0 <= mu s) ->
  (forall j k, \sum_s mu s * expected_grad A i q j k h s = 0) <->
  (forall s, 0 < mu s -> success A i q h s = 0 \/ success A i q h s = 1).

Section Support.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R).
Hypothesis law : stochastic q.
Notation success := (success A i q).
Notation grad := (expected_grad A i q).

Lemma successS h j : j != i -> success h.+1 j = \sum_k q j k * (A j k)%:R * success h k.
Proof. by move=> off /=; rewrite (negPf off). Qed.

Lemma success_le h n j : (h <= n)%N -> success h j <= success n j.
Proof.
elim: h n j => [|h IH] [|n] j //= less; case: eqP => _ //.
  apply: sumr_ge0 => k _; rewrite !mulr_ge0 ?ler0n ?(law j).1 //.
  by case/andP: (success_bounds A i law n k).
by apply: ler_sum => k _; rewrite ler_wpmul2l ?IH // mulr_ge0 ?ler0n ?(law j).1.
Qed.

Lemma step_bounds h j k : 0 <= (A j k)%:R * success h k <= 1.
Proof.
have /andP[low high] := success_bounds A i law h k.
by case: (A j k); rewrite ?mul1r ?mul0r ?low ?lexx ?ler01.
Qed.

(** Success of 0 or 1 is that of every step that can be taken. *)
Lemma step_success h j k : j != i -> q j k != 0 ->
  success h.+1 j = 0 \/ success h.+1 j = 1 -> (A j k)%:R * success h k = success h.+1 j.
Proof.
move=> off can; have pos m : 0 <= q j m by case: (law j).
have step m := andP (step_bounds h j m).
have total : \sum_m q j m * ((A j m)%:R * success h m) = success h.+1 j.
  by rewrite successS //; apply: eq_bigr => m _; rewrite mulrA.
case=> all; rewrite all.
  have : \sum_m q j m * ((A j m)%:R * success h m) == 0 by rewrite total all.
  rewrite psumr_eq0 => [/allP/(_ k (mem_index_enum k))|m _]; last first.
    by rewrite mulr_ge0 //; case: (step m).
  by rewrite /= mulf_eq0 (negPf can) => /eqP.
have : \sum_m q j m * (1 - (A j m)%:R * success h m) == 0.
  rewrite (eq_bigr (fun m => q j m - q j m * ((A j m)%:R * success h m))) => [|m _].
    by rewrite sumrB (law j).2 total all subrr.
  by rewrite mulrBr mulr1.
rewrite psumr_eq0 => [/allP/(_ k (mem_index_enum k))|m _]; last first.
  by rewrite mulr_ge0 // subr_ge0; case: (step m).
by rewrite /= mulf_eq0 (negPf can) subr_eq0 => /eqP.
Qed.

Lemma gradS j k h x : x != i ->
  grad j k h.+1 x = (if x == j then q j k * ((A j k)%:R * success h k - success h.+1 j) else 0)
    + \sum_m q x m * (A x m)%:R * grad j k h m.
Proof. by move=> off; rewrite [LHS]/= (negPf off). Qed.

Lemma grad_target j k h : grad j k h i = 0.
Proof. by case: h => [//|h]; rewrite /= eqxx. Qed.

Lemma grad_flat j k h s : success h s = 0 \/ success h s = 1 -> grad j k h s = 0.
Proof.
elim: h s => [//|h IH] s flat; have [->|off] := eqVneq s i; first exact: grad_target.
rewrite gradS // [X in _ + X]big1 ?addr0 => [|m _].
  case: eqP => // same; have [->|can] := eqVneq (q j k) 0; first by rewrite mul0r.
  by rewrite -same in can *; rewrite step_success // subrr mulr0.
have [->|can] := eqVneq (q s m) 0; first by rewrite !mul0r.
case edge: (A s m); last by rewrite mulr0 mul0r.
have := step_success off can flat; rewrite edge mul1r => same.
by rewrite IH ?mulr0 // same.
Qed.

(** With [h] steps left at [s], a legal walk of positive probability visits [x] with [n] left. *)
Fixpoint visit (x : V) (n h : nat) (s : V) : bool :=
  (s == x) && (h == n) || if h is h'.+1 then
    (s != i) && [exists m, [&& A s m, q s m != 0 & visit x n h' m]] else false.

Lemma visit_self h s : visit s h h s.
Proof. by case: h => [|h]; rewrite /= !eqxx. Qed.

Lemma visit_step x n h s m : visit x n.+1 h s -> x != i -> A x m -> q x m != 0 -> visit m n h s.
Proof.
elim: h s => [|h IH] s /=; first by rewrite andbF.
case/orP=> [/andP[/eqP-> /eqP[same]] off edge can|/andP[off /existsP[m' /and3P[edge can later]]]].
  by apply/orP; right; rewrite off; apply/existsP; exists m; rewrite edge can -same visit_self.
move=> off_x edge_x can_x; apply/orP; right; rewrite off; apply/existsP; exists m'.
by rewrite edge can IH.
Qed.

(** At visits of [j] the step to [k] is worth no less than the others are on the whole. *)
Definition worth j k h s : Prop :=
  forall n, visit j n.+1 h s -> success n.+1 j <= (A j k)%:R * success n k.

Lemma worth_step j k h s m : s != i -> A s m -> q s m != 0 -> worth j k h.+1 s -> worth j k h m.
Proof.
move=> off edge can good n later; apply: good => /=; apply/orP; right; rewrite off.
by apply/existsP; exists m; rewrite edge can.
Qed.

Lemma grad_ge0 j k h s : worth j k h s -> 0 <= grad j k h s.
Proof.
elim: h s => [//|h IH] s good; have [->|off] := eqVneq s i; first by rewrite grad_target.
rewrite gradS // addr_ge0 //.
  case: eqP => // same; rewrite mulr_ge0 ?(law j).1 // subr_ge0 good // same.
  exact: visit_self.
apply: sumr_ge0 => m _; have [->|can] := eqVneq (q s m) 0; first by rewrite !mul0r.
case edge: (A s m); last by rewrite mulr0 mul0r.
by rewrite mulr1 mulr_ge0 ?(law s).1 // IH //; apply: worth_step good.
Qed.

Lemma grad_gt0 j k n h s : worth j k h s -> visit j n.+1 h s -> j != i -> 0 < q j k ->
  success n.+1 j < (A j k)%:R * success n k -> 0 < grad j k h s.
Proof.
move=> good there off_j can more; elim: h s good there => [|h IH] s good; first by rewrite /= andbF.
have first_ge0 : 0 <= (if s == j then q j k * ((A j k)%:R * success h k - success h.+1 j) else 0).
  case: eqP => // same; rewrite mulr_ge0 ?(law j).1 // subr_ge0 good // same.
  exact: visit_self.
rewrite [visit _ _ _ _]/= => /orP[/andP[/eqP same /eqP[time]]|].
  rewrite gradS same // eqxx; apply: ltr_spaddl; first by rewrite mulr_gt0 // subr_gt0 time.
  apply: sumr_ge0 => m _; have [->|can_m] := eqVneq (q j m) 0; first by rewrite !mul0r.
  case edge: (A j m); last by rewrite mulr0 mul0r.
  rewrite mulr1 mulr_ge0 ?(law j).1 // grad_ge0 //.
  by rewrite -same in can_m edge off_j; apply: worth_step good.
case/andP=> off /existsP[m /and3P[edge can_m later]]; rewrite gradS //; apply: ltr_spaddr => //.
rewrite (bigD1 m) //=; apply: ltr_spaddl.
  have some : 0 < q s m by rewrite lt0r can_m (law s).1.
  rewrite edge mulr1 mulr_gt0 //.
  by apply: IH => //; apply: worth_step good.
apply: sumr_ge0 => m' _; have [->|can'] := eqVneq (q s m') 0; first by rewrite !mul0r.
case edge': (A s m'); last by rewrite mulr0 mul0r.
by rewrite mulr1 mulr_ge0 ?(law s).1 // grad_ge0 //; apply: worth_step good.
Qed.

(** The visit with the least time left whose success is neither 0 nor 1 would move a logit. *)
Lemma flat_visits (mu : V -> R) h : (forall s, 0 <= mu s) ->
  (forall j k, \sum_s mu s * grad j k h s = 0) ->
  forall n s x, 0 < mu s -> visit x n h s -> success n x = 0 \/ success n x = 1.
Proof.
move=> mu0 flat n; have [N] := ubnP n; elim: N n => // N IH n; rewrite ltnS => small s x pos there.
have [->|off] := eqVneq x i; first by right; apply: success_target.
case: n small there => [|n] small there; first by left; rewrite /= (negPf off).
have [->|not0] := eqVneq (success n.+1 x) 0; first by left.
have [->|not1] := eqVneq (success n.+1 x) 1; first by right.
have /andP[ge0 le1] := success_bounds A i law n.+1 x.
have lt1 : success n.+1 x < 1 by rewrite lt_neqAle not1.
have /existsP[k good] : [exists k, q x k * (A x k)%:R * success n k != 0].
  apply: contraR not0 => /existsPn none; rewrite successS // big1 // => k _.
  by apply/eqP; have := none k; rewrite negbK.
have [can edge some] : [/\ q x k != 0, A x k & success n k != 0].
  move: good; rewrite !mulf_eq0 !negb_or => /andP[/andP[-> edge] ->]; split=> //.
  by move: edge; case: (A x k); rewrite ?eqxx.
have one : success n k = 1.
  have [zero|//] := IH n small s k pos (visit_step there off edge can).
  by rewrite zero eqxx in some.
have worth_all s' : 0 < mu s' -> worth x k h s'.
  move=> pos' n' there'; rewrite edge mul1r; case: (ltnP n' n) => [less|more].
    have [->|is1] := IH n'.+1 (leq_ltn_trans less small) s' x pos' there'.
      by case/andP: (success_bounds A i law n' k).
    by have := success_le x (leqW less); rewrite is1 leNgt lt1.
  have /andP[_ /le_trans->//] := success_bounds A i law n'.+1 x.
  by rewrite -one success_le.
have : 0 < \sum_s' mu s' * grad x k h s'.
  rewrite (bigD1 s) //=; apply: ltr_spaddl.
    rewrite mulr_gt0 // (grad_gt0 (worth_all s pos) there off) //; last by rewrite edge mul1r one.
    by rewrite lt0r can (law x).1.
  apply: sumr_ge0 => s' _; have := mu0 s'; rewrite le_eqVlt => /orP[/eqP<-|pos'].
    by rewrite mul0r.
  by rewrite mulr_ge0 ?grad_ge0 //; apply: worth_all.
by rewrite flat ltxx.
Qed.
End Support.

Theorem stationary_iff_success_0_or_1_holds : stationary_iff_success_0_or_1.
Proof.
move=> R V A i q h mu law mu0; split=> [flat s pos|ends j k].
  exact: (flat_visits law mu0 flat pos (visit_self A i q h s)).
apply: big1 => s _; have := mu0 s; rewrite le_eqVlt => /orP[/eqP<-|/ends]; first by rewrite mul0r.
by move=> /(grad_flat law j k)->; rewrite mulr0.
Qed.

(** * Limits *)

(** Where policies tend to one, of whatever support, and the expected gradient along them to 0,
    success from each source tends to 0 or to 1. *)
Definition success_0_or_1_at_limits : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : nat -> V -> V -> R)
    (p : V -> V -> R) (h : nat) (mu : V -> R),
  (forall t, stochastic (q t)) -> (forall s, 0 <= mu s) ->
  (forall j k, tends (fun t => q t j k) (p j k)) ->
  (forall j k, tends (fun t => \sum_s mu s * expected_grad A i (q t) j k h s) 0) ->
  forall s, 0 < mu s ->
  tends (fun t => success A i (q t) h s) 0 \/ tends (fun t => success A i (q t) h s) 1.

(** To 1, if it does not fall below what is above 0, as along a flow that climbs it. *)
Definition kept_success_tends_to_1 : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : nat -> V -> V -> R)
    (p : V -> V -> R) (h : nat) (mu : V -> R),
  (forall t, stochastic (q t)) -> (forall s, 0 <= mu s) ->
  (forall j k, tends (fun t => q t j k) (p j k)) ->
  (forall j k, tends (fun t => \sum_s mu s * expected_grad A i (q t) j k h s) 0) ->
  forall s c, 0 < mu s -> 0 < c -> (forall t, c <= success A i (q t) h s) ->
  tends (fun t => success A i (q t) h s) 1.

Section Limits.
Variables (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : nat -> V -> V -> R).
Variable p : V -> V -> R.
Hypothesis close : forall j k, tends (fun t => q t j k) (p j k).

Lemma success_tends h j : tends (fun t => success A i (q t) h j) (success A i p h j).
Proof.
elim: h j => [|h IH] j /=; case: eqP => _; try exact: tends_const.
by apply: tends_sum => k; apply: tendsM (IH k); apply: tendsM (close j k) (tends_const _).
Qed.

Lemma grad_tends h j k s :
  tends (fun t => expected_grad A i (q t) j k h s) (expected_grad A i p j k h s).
Proof.
elim: h s => [|h IH] s; first exact: tends_const.
have [->|off] := eqVneq s i.
  by apply: tends_ext (tends_const 0); rewrite ?grad_target // => t; rewrite grad_target.
apply: tends_ext => [t||]; rewrite ?gradS //.
apply: tendsD; last first.
  by apply: tends_sum => m; apply: tendsM (IH m); apply: tendsM (close s m) (tends_const _).
case: eqP => _; last exact: tends_const.
apply: tendsM (close j k) _; apply: tendsD (tendsN (success_tends h.+1 j)).
exact: tendsM (tends_const _) (success_tends h k).
Qed.

Lemma law_tends : (forall t, stochastic (q t)) -> stochastic p.
Proof.
move=> law j; split=> [k|]; first by apply: tends_ge (close j k) _ => t; case: (law t j).
have sums := tends_sum (fun k => close j k).
apply: tends_uniq sums _ => eps eps0; exists 0%N => t _.
by rewrite (law t j).2 subrr normr0 ltW.
Qed.
End Limits.

Theorem success_0_or_1_at_limits_holds : success_0_or_1_at_limits.
Proof.
move=> R V A i q p h mu law mu0 close flat s pos.
have ends := (stationary_iff_success_0_or_1_holds A i h (law_tends close law) mu0).1.
have := success_tends A i close h s; have [j k|->|->] := ends _ s pos; [|by left|by right].
apply: tends_uniq (flat j k); apply: tends_sum => s'.
by apply: tendsM (tends_const _) (grad_tends A i close h j k s').
Qed.

Theorem kept_success_tends_to_1_holds : kept_success_tends_to_1.
Proof.
move=> R V A i q p h mu law mu0 close flat s c pos c0 kept.
have [zero|//] := success_0_or_1_at_limits_holds law mu0 close flat pos.
by have := tends_ge zero kept; rewrite leNgt c0.
Qed.

(** For the wrong versions: three nodes, the target is [None], all chances are 1/3. *)
Definition third (_ _ : option bool) : rat := 3%:R^-1.

Lemma third_law : stochastic third.
Proof. by move=> x; split=> //; rewrite sumr_const card_option card_bool. Qed.

(** Only the steps onto the target are legal. *)
Definition onto : rel (option bool) := fun _ k => k == None.

(** Wrong: on a rewarded sample each wrong logit falls strictly; where the sample does not visit
    the row, the row stays. *)
Definition wrong_fall_strictly : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (s : V)
    (u : seq V) (j k : V),
  stochastic q -> (forall x m, 0 < q x m) -> correct A i s u -> j != i -> ~~ is_next A i j k ->
  ascent A i q j k s u < 0.

Theorem wrong_fall_strictly_fails : ~ wrong_fall_strictly.
Proof.
have pos x m : 0 < third x m by [].
move=> /(_ _ _ onto None third (Some true) [:: None] (Some false) (Some false)).
by move=> /(_ third_law pos isT isT isT).
Qed.

(** Wrong: the sign holds whatever the rewards are; with -1 for an incorrect sample, the wrong
    steps that it did not take rise. *)
Definition wrong_any_reward : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (s : V)
    (u : seq V) (j k : V) (r p : R),
  stochastic q -> 0 <= r -> ~~ is_next A i j k ->
  (r * (correct A i s u)%:R + p) * score q j k s u <= 0.

Theorem wrong_any_reward_fails : ~ wrong_any_reward.
Proof.
move=> /(_ _ _ onto None third (Some true) [:: Some false] (Some true) (Some true) 1 (-1)).
by move=> /(_ third_law isT isT); vm_compute.
Qed.

(** Wrong: on a rewarded sample each correct logit rises; one that was not taken falls. *)
Definition wrong_right_logits_rise : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (s : V)
    (u : seq V) (j k : V),
  stochastic q -> correct A i s u -> is_next A i j k -> 0 <= ascent A i q j k s u.

Theorem wrong_right_logits_rise_fails : ~ wrong_right_logits_rise.
Proof.
(* All edges are there; the sample goes straight to the target. *)
pose A : rel (option bool) := fun _ _ => true.
have next : is_next A None (Some true) (Some false) by apply: connect1.
by move=> /(_ _ _ A None third (Some true) [:: None] _ _ third_law isT next); vm_compute.
Qed.

(** Wrong: a policy of full support that is stationary always succeeds; without edges, every
    policy is stationary and none succeeds. *)
Definition wrong_stationary_means_perfect : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat) (s : V),
  (forall j k, 0 < q j k) -> (forall j, \sum_k q j k = 1) -> s != i ->
  (forall j k, expected_grad A i q j k h s = 0) -> success A i q h s = 1.

Theorem wrong_stationary_means_perfect_fails : ~ wrong_stationary_means_perfect.
Proof.
pose A : rel (option bool) := fun _ _ => false.
have far h x : x != None -> success A None third h x = 0.
  by move=> off; case: h => [|h] /=; rewrite (negPf off) // big1 // => k _; rewrite mulr0 mul0r.
have flat j k h x : expected_grad A None third j k h x = 0.
  case: h => [//|h]; rewrite [expected_grad _ _ _ _ _ _ _]/=.
  rewrite [X in _ + X]big1 ?addr0 => [|m _]; last by rewrite mulr0 mul0r.
  have [//|off] := eqVneq x None; have [<-|//] := eqVneq x j.
  by have := far h.+1 x off; rewrite /= => ->; rewrite mul0r subrr mulr0.
move=> /(_ _ _ A None third 1%N (Some true) (fun _ _ => isT) (fun j => (third_law j).2) isT).
by move=> /(_ (fun j k => flat j k _ _)) /eqP; rewrite far.
Qed.

(** Wrong: where the target can be reached in time, a stationary policy has learned to reach it;
    one that always stays where it is is stationary too. *)
Definition wrong_stationary_means_learned : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat) (s : V),
  stochastic q -> reaches A i s -> (#|V| <= h)%N ->
  (forall j k, expected_grad A i q j k h s = 0) -> success A i q h s = 1.

Theorem wrong_stationary_means_learned_fails : ~ wrong_stationary_means_learned.
Proof.
pose A : rel bool := fun _ k => k; pose stay (j k : bool) : rat := (j == k)%:R.
have law : stochastic stay by move=> j; split=> [k|]; rewrite ?big_bool; case: j; try case: k.
have never h : success A true stay h false = 0.
  by elim: h => [//|h IH] /=; rewrite big_bool /= IH mulr0 addr0 !mul0r.
have there : reaches A true false by apply: connect1.
move=> /(_ _ _ A true stay 2%N false law there); rewrite card_bool never => /(_ (leqnn 2)).
by move=> wrong; have /eqP := wrong (fun j k => grad_flat law j k (or_introl (never 2%N))).
Qed.

(** Wrong: at a stationary policy success is 0 or 1 from every node; rows that no source visits
    are left as they are. *)
Definition wrong_stationary_everywhere : Prop :=
  forall (R : realFieldType) (V : finType) (A : rel V) (i : V) (q : V -> V -> R) (h : nat)
    (s x : V), stochastic q -> (forall j k, expected_grad A i q j k h s = 0) ->
  success A i q h x = 0 \/ success A i q h x = 1.

Theorem wrong_stationary_everywhere_fails : ~ wrong_stationary_everywhere.
Proof.
(* One node goes onto the target, the other anywhere. *)
pose q (j k : option bool) : rat := if j == Some true then (k == None)%:R else third j k.
have law : stochastic q.
  move=> j; rewrite /q; case: eqP => _; last exact: third_law.
  by split=> [k|]; rewrite ?ler0n // (bigD1 None) //= big1 ?addr0 // => k /negPf->.
have enum (F : option bool -> rat) : \sum_k F k = F None + F (Some true) + F (Some false).
  rewrite (bigD1 None) // (bigD1 (Some true)) // (bigD1 (Some false)) //= !addrA big1 ?addr0 //.
  by case=> [[]|].
have one : success onto None q 1 (Some true) = 1 by rewrite /= enum.
move=> /(_ _ _ onto None q 1%N (Some true) (Some false) law) wrong.
have third_of : success onto None q 1 (Some false) = 3%:R^-1.
  by rewrite /= enum /= !mulr0 !mulr1 !addr0.
by have [] := wrong (fun j k => grad_flat law j k (or_intror one)); rewrite third_of.
Qed.
