(** Theorem 4.1: policy gradient is SFT on the correct samples of the batch.

    The paper: with outcome reward and no KL term, the policy-gradient loss and its gradient are
    those of SFT on the correct sequences that the model generated.  Here: the same, exactly, for
    every batch, graph and table of logits (any number of nodes), the two losses summed over the
    same positions with the same divisor; and for every reward [r] for correct, [p] for all.
    The gradient is defined by its formula, and the formula is proved: along every entry the loss
    differs from its linear part by at most a constant times the square of the change.
    Left out: transformers (the logits are a table in current node and target), and derivatives
    in more than one entry at once. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From Planning Require Import Planning Exponential Episodes.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The log-likelihood of the steps [u], taken from [x]. *)
Fixpoint log_lik (R : realFieldType) (E : exponential R) (V : finType) (f : V -> V -> R)
    (x : V) (u : seq V) : R :=
  if u is m :: u' then lg E (policy E f x m) + log_lik E f m u' else 0.

(** SFT on a batch of pairs (source, steps), with divisor [d]; entry [(j, k)] of its gradient. *)
Definition sft_loss (R : realFieldType) (E : exponential R) (V : finType) (d : R)
    (f : V -> V -> R) (batch : seq (V * seq V)) : R :=
  - (\sum_(b <- batch) log_lik E f b.1 b.2) / d.
Definition sft_grad (R : realFieldType) (E : exponential R) (V : finType) (d : R)
    (f : V -> V -> R) (j k : V) (batch : seq (V * seq V)) : R :=
  - (\sum_(b <- batch) score (policy E f) j k b.1 b.2) / d.

(** Outcome reward of a sequence. *)
Definition reward (R : realFieldType) (V : finType) (A : rel V) (i : V) (r p : R)
    (b : V * seq V) : R := r * (correct A i b.1 b.2)%:R + p.

(** Policy gradient on a generated batch, with divisor [d]; entry [(j, k)] of its gradient. *)
Definition pg_loss (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
    (r p d : R) (f : V -> V -> R) (batch : seq (V * seq V)) : R :=
  - (\sum_(b <- batch) reward A i r p b * log_lik E f b.1 b.2) / d.
Definition pg_grad (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
    (r p d : R) (f : V -> V -> R) (j k : V) (batch : seq (V * seq V)) : R :=
  - (\sum_(b <- batch) reward A i r p b * score (policy E f) j k b.1 b.2) / d.

(** The samples to keep. *)
Definition kept (V : finType) (A : rel V) (i : V) (batch : seq (V * seq V)) :=
  [seq b <- batch | correct A i b.1 b.2].
Definition dropped (V : finType) (A : rel V) (i : V) (batch : seq (V * seq V)) :=
  [seq b <- batch | ~~ correct A i b.1 b.2].

(** Any rewards: correct sequences weigh [r + p], incorrect ones [p]. *)
Definition pg_is_weighted_sft : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V) (r p d : R)
    (f : V -> V -> R) (batch : seq (V * seq V)),
  pg_loss E A i r p d f batch =
    (r + p) * sft_loss E d f (kept A i batch) + p * sft_loss E d f (dropped A i batch)
  /\ forall j k, pg_grad E A i r p d f j k batch =
    (r + p) * sft_grad E d f j k (kept A i batch) + p * sft_grad E d f j k (dropped A i batch).

Lemma weighted_sum (R : realFieldType) (V : finType) (A : rel V) (i : V) (r p d : R)
    (F : V * seq V -> R) (batch : seq (V * seq V)) :
  - (\sum_(b <- batch) reward A i r p b * F b) / d =
  (r + p) * (- (\sum_(b <- kept A i batch) F b) / d)
    + p * (- (\sum_(b <- dropped A i batch) F b) / d).
Proof.
rewrite !big_filter (bigID (fun b => correct A i b.1 b.2)) /=.
rewrite (eq_bigr (fun b => (r + p) * F b)) => [|b ok]; last by rewrite /reward ok mulr1.
rewrite [X in _ + X](eq_bigr (fun b => p * F b)) => [|b bad]; last first.
  by rewrite /reward (negPf bad) mulr0 add0r.
rewrite -!mulr_sumr opprD mulrDl.
by congr (_ + _); rewrite -mulrN -mulrA.
Qed.

Theorem pg_is_weighted_sft_holds : pg_is_weighted_sft.
Proof. by move=> R E V A i r p d f batch; split=> [|j k]; apply: weighted_sum. Qed.

(** The paper's rewards: loss and gradient are those of SFT on the correct sequences. *)
Definition pg_is_sft : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V) (d : R)
    (f : V -> V -> R) (batch : seq (V * seq V)),
  pg_loss E A i 1 0 d f batch = sft_loss E d f (kept A i batch)
  /\ forall j k, pg_grad E A i 1 0 d f j k batch = sft_grad E d f j k (kept A i batch).

Theorem pg_is_sft_holds : pg_is_sft.
Proof.
move=> R E V A i d f batch; have [loss grad] := pg_is_weighted_sft_holds E A i 1 0 d f batch.
by split=> [|j k]; rewrite ?loss ?grad addr0 mul1r mul0r addr0.
Qed.

(** A table with [t] added to one entry. *)
Definition bump (R : realFieldType) (V : finType) (f : V -> V -> R) (j k : V) (t : R) :=
  fun x m => f x m + t * ((x == j) && (m == k))%:R.

(** The gradient is the derivative, entry by entry: what is left is of second order. *)
Definition gradient_is_the_derivative : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V) (r p d : R)
    (f : V -> V -> R) (j k : V) (batch : seq (V * seq V)),
  exists C : R, forall t, `|t| <= 1 / 2%:R ->
    `|pg_loss E A i r p d (bump f j k t) batch - pg_loss E A i r p d f batch
      - t * pg_grad E A i r p d f j k batch| <= C * t ^+ 2.

Section Derivative.
Variables (R : realFieldType) (E : exponential R) (V : finType).
Implicit Types (f : V -> V -> R) (t : R).

Lemma lg_policy f x m : lg E (policy E f x m) = f x m - lse E setT (f x).
Proof.
by rewrite /policy -softmax_onT (softmax_on_ex E (in_setT x)) ?in_setT // exK.
Qed.

(** Adding [t] to one logit raises log-sum-exp by at least [t] times its chance. *)
Lemma lse_bump (g : V -> R) k t :
  lse E setT g + t * softmax E g k <= lse E setT (fun m => g m + t * (m == k)%:R).
Proof.
apply: le_trans (lse_tangent E (in_setT k) g (fun m => t * (m == k)%:R)).1.
rewrite (bigD1 k) ?in_setT //= eqxx big1 => [|m /andP[_ /negPf->]]; last by rewrite !mulr0.
by rewrite softmax_onT addr0 mulr1 mulrC.
Qed.

Lemma ex_second t : `|t| <= 1 / 2%:R -> t * (E t - 1) <= 2%:R * t ^+ 2.
Proof.
move=> small; have two : (0 : R) < 2%:R by rewrite ltr0n.
have square : 0 <= t ^+ 2 by rewrite exprn_even_ge0.
case: (leP 0 t) => [pos|/ltW neg]; last first.
  apply: (@le_trans _ _ (t * t)); last by rewrite -expr2 mulr_natl mulr2n ler_addl.
  by rewrite ler_wnmul2l // ler_subr_addl ex_ge.
rewrite expr2 mulrCA ler_wpmul2l //.
move: small; rewrite (ger0_norm pos) ler_pdivl_mulr // => small.
have E_ge1 : 0 <= E t - 1.
  by rewrite subr_ge0; apply: le_trans (ex_ge E t); rewrite ler_addl.
have : E t * (1 - t) <= 1.
  rewrite -ler_pdivl_mull ?ex_gt0 // mulr1 -exN; exact: ex_ge.
move=> less; have half : E t - 1 <= (E t - 1) * (2%:R * (1 - t)).
  rewrite ler_pemulr // mulrBr mulr1 ler_subr_addl (mulrC _ t).
  by rewrite -[2%:R]/(1 + 1) ler_add2r.
apply: le_trans half _; rewrite mulrCA ler_wpmul2l ?ler0n //.
by rewrite mulrBl mul1r ler_subl_addl (le_trans less) // subrK.
Qed.

(** The row [g] after the change, and its normaliser from both sides. *)
Lemma lse_second (g : V -> R) k t (g' := fun m => g m + t * (m == k)%:R) : `|t| <= 1 / 2%:R ->
  0 <= lse E setT g' - lse E setT g - t * softmax E g k <= 2%:R * t ^+ 2.
Proof.
move=> small; have low : lse E setT g + t * softmax E g k <= lse E setT g' := lse_bump g k t.
have high : lse E setT g' - t * softmax E g' k <= lse E setT g.
  rewrite -mulNr; apply: le_trans (lse_bump g' k (- t)) _.
  by rewrite le_eqVlt /lse; apply/orP; left; apply/eqP; congr (lg E _); apply: eq_bigr => m _;
     rewrite /g' -addrA -mulrDl subrr mul0r addr0.
have chance h : softmax E h k = E (h k - lse E setT h).
  by rewrite -softmax_onT (softmax_on_ex E (in_setT k)) ?in_setT.
have pos : 0 <= softmax E g k := ltW (softmax_gt0 E g k).
have pos' : 0 <= softmax E g' k := ltW (softmax_gt0 E g' k).
have at_most_1 : softmax E g k <= 1.
  rewrite -(softmax_sum E g k) (bigD1 k) //= ler_addl; apply: sumr_ge0 => m _.
  exact: ltW (softmax_gt0 E g m).
have new : softmax E g' k = softmax E g k * E t * E (lse E setT g - lse E setT g').
  by rewrite !chance -!exD /g' eqxx mulr1; congr (E _); ring.
have slope : t * softmax E g' k <= t * (softmax E g k * E t).
  have nonneg : 0 <= softmax E g k * E t by rewrite mulr_ge0 // ltW // ex_gt0.
  rewrite new; case: (leP 0 t) => [t_pos|/ltW t_neg].
    rewrite ler_wpmul2l // ler_pimulr // -(ex0 E) ex_mono subr_le0.
    by apply: le_trans low; rewrite ler_addl mulr_ge0.
  rewrite ler_wnmul2l // ler_pemulr // -(ex0 E) ex_mono subr_ge0.
  by apply: le_trans high; rewrite ler_addl oppr_ge0 mulr_le0_ge0.
apply/andP; split; first by rewrite -addrA -opprD subr_ge0.
apply: (@le_trans _ _ (softmax E g k * (t * (E t - 1)))); last first.
  apply: le_trans (ler_wpmul2l pos (ex_second small)) _.
  by rewrite ler_pimull // mulr_ge0 ?ler0n // exprn_even_ge0.
have -> : softmax E g k * (t * (E t - 1)) = t * (softmax E g k * E t) - t * softmax E g k by ring.
by rewrite ler_add2r (le_trans _ slope) // ler_subl_addl -ler_subl_addr.
Qed.

Lemma step_change f j k t x m : `|t| <= 1 / 2%:R ->
  `|lg E (policy E (bump f j k t) x m) - lg E (policy E f x m)
    - t * (if x == j then (m == k)%:R - policy E f j k else 0)| <= 2%:R * t ^+ 2.
Proof.
move=> small; have square : 0 <= 2%:R * t ^+ 2 by rewrite mulr_ge0 ?ler0n // exprn_even_ge0.
rewrite !lg_policy /bump; have [->|off] := eqVneq x j; last first.
  have -> : lse E setT (fun m => f x m + t * (false && (m == k))%:R) = lse E setT (f x).
    by congr (lg E _); apply: eq_bigr => n _; rewrite mulr0 addr0.
  by rewrite mulr0 addr0 subrr subr0 normr0.
have /andP[low high] := lse_second (f j) k small; rewrite /policy /=.
set z' := lse E setT (fun m => _) in low high *; set z := lse E setT (f j) in low high *.
have -> : f j m + t * (m == k)%:R - z' - (f j m - z) - t * ((m == k)%:R - softmax E (f j) k)
    = - (z' - z - t * softmax E (f j) k) by ring.
by rewrite normrN ger0_norm.
Qed.

Lemma lik_change f j k t x u : `|t| <= 1 / 2%:R ->
  `|log_lik E (bump f j k t) x u - log_lik E f x u - t * score (policy E f) j k x u|
    <= (size u)%:R * (2%:R * t ^+ 2).
Proof.
move=> small; elim: u x => [|m u IH] x /=.
  by rewrite mulr0 subr0 subrr normr0 mul0r.
have -> a a' b b' c c' : a + a' - (b + b') - t * (c + c') = (a - b - t * c) + (a' - b' - t * c').
  by move=> *; ring.
rewrite -addn1 natrD mulrDl mul1r [X in _ <= X]addrC.
exact: le_trans (ler_norm_add _ _) (ler_add (step_change f j k x m small) (IH m)).
Qed.
End Derivative.

Theorem gradient_is_the_derivative_holds : gradient_is_the_derivative.
Proof.
move=> R E V A i r p d f j k batch.
exists (\sum_(b <- batch) `|reward A i r p b| * ((size b.2)%:R * 2%:R) / `|d|) => t small.
rewrite /pg_loss /pg_grad; elim: batch => [|b batch IH].
  by rewrite !big_nil oppr0 !mul0r mulr0 !subr0 normr0.
rewrite !big_cons [X in _ <= X]mulrDl; set w := reward A i r p b.
have -> a a' y y' c c' : - (w * a + a') / d - - (w * y + y') / d - t * (- (w * c + c') / d)
    = - (w * (a - y - t * c) / d) + (- a' / d - - y' / d - t * (- c' / d)) by move=> *; ring.
apply: le_trans (ler_norm_add _ _) (ler_add _ IH).
rewrite normrN !normrM normfV -!mulrA ler_wpmul2l ?normr_ge0 //.
rewrite [X in _ <= X](_ : _ = (size b.2)%:R * (2%:R * t ^+ 2) / `|d|); last by ring.
by rewrite ler_wpmul2r ?invr_ge0 ?normr_ge0 // lik_change.
Qed.

(** Wrong: each loss is a mean over its own sequences. *)
Definition wrong_own_divisor (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (A : rel V) (i : V) (f : V -> V -> R) (batch : seq (V * seq V)),
  kept A i batch != [::] ->
  pg_loss E A i 1 0 (size batch)%:R f batch =
    sft_loss E (size (kept A i batch))%:R f (kept A i batch).

(** From [false] to the target [true] there is one edge; all logits are 0. *)
Definition one_edge : rel bool := fun j k => ~~ j && k.
Definition right_sample : bool * seq bool := (false, [:: true]).
Definition wrong_sample : bool * seq bool := (false, [:: false; true]).

Lemma lik_flat (R : realFieldType) (E : exponential R) j k :
  lg E (policy E (fun _ _ : bool => 0) j k) = - lg E 2%:R.
Proof.
rewrite /policy /softmax big_bool /= ex0 mul1r lgV ?addr_gt0 ?ltr01 //.
Qed.

Lemma lg2_neq0 (R : realFieldType) (E : exponential R) : lg E 2%:R != 0.
Proof.
apply/eqP => zero; have := lgK E (ltr0n R 2); rewrite zero ex0 => /eqP.
by rewrite eq_sym (eqr_nat R 2 1).
Qed.

Theorem wrong_own_divisor_fails (R : realFieldType) (E : exponential R) : ~ wrong_own_divisor E.
Proof.
move=> /(_ _ one_edge true (fun _ _ => 0) [:: right_sample; wrong_sample] isT).
rewrite /pg_loss /sft_loss /reward /kept /= !big_cons !big_nil /= !lik_flat.
set l := lg E 2%:R; have not0 : l != 0 := lg2_neq0 E.
rewrite !(mulr1, mulr0, mul0r, mul1r, addr0, divr1, opprK) -[RHS]mulr1.
by move/(mulfI not0)/eqP; rewrite invr_eq1 (eqr_nat R 2 1).
Qed.

(** Wrong: incorrect sequences never count, whatever the rewards. *)
Definition wrong_only_kept_count (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (A : rel V) (i : V) (r p d : R) (f : V -> V -> R)
    (batch : seq (V * seq V)), d != 0 ->
  pg_loss E A i r p d f batch = (r + p) * sft_loss E d f (kept A i batch).

Theorem wrong_only_kept_count_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_only_kept_count E.
Proof.
move=> /(_ _ one_edge true 1 1 1 (fun _ _ => 0) [:: wrong_sample] (oner_neq0 R)).
rewrite /pg_loss /sft_loss /reward /kept /= !big_cons !big_nil /= !lik_flat.
set l := lg E 2%:R; have not0 : l != 0 := lg2_neq0 E.
rewrite !(mulr0, mulr1, mul1r, add0r, addr0, divr1, oppr0) -opprD opprK => /eqP.
by rewrite -mulr2n mulrn_eq0 (negPf not0).
Qed.

(** Wrong: with the paper's rewards a failure teaches the model to avoid its steps. *)
Definition wrong_failures_teach (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (A : rel V) (i : V) (f : V -> V -> R) (x : V) (u : seq V),
  ~~ correct A i x u -> u != [::] -> exists j k, pg_grad E A i 1 0 1 f j k [:: (x, u)] != 0.

Theorem wrong_failures_teach_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_failures_teach E.
Proof.
move=> /(_ _ one_edge true (fun _ _ => 0) false [:: false; true] isT isT)[j [k]] /eqP; apply.
by rewrite /pg_grad /reward big_cons big_nil /= mulr0 !addr0 mul0r oppr0 mul0r.
Qed.
