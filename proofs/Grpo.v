(** One direction, many speeds: in expectation REINFORCE, group baselines, GRPO and the mean over
    filtered positives all move along the gradient of the success probability J.

    Samineni et al. (arXiv 2505.13697) read a GRPO step with 0/1 rewards as a weighted step of
    supervised training: right answers weigh [sqrt((1 - a) / a)], wrong ones [- sqrt(a / (1 - a))]
    at group accuracy [a].  Here: that reading, derived from (reward - mean) / deviation; and, as
    exact finite sums, that for any such weights the expected update is a number times grad J,
    the number given for each method.  A sequence [t] has probability [w t] and score [score t],
    one coordinate of the gradient of [log w]; scores average to 0, and grad J is the sum of
    [w t * score t] over the right sequences.  All coordinates share the number.
    What is left out: that scores are such a gradient (calculus), the flows and limits of the
    speeds, ratios, clipping and KL terms, and the noise, which is what differs. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The share of right answers in a group of [G]: its mean reward. *)
Definition accuracy (R : fieldType) (G : nat) (r : 'I_G -> bool) : R := (\sum_i (r i)%:R) / G%:R.

(** The population standard deviation of the group's rewards. *)
Definition deviation (R : rcfType) (G : nat) (r : 'I_G -> bool) : R :=
  Num.sqrt ((\sum_i ((r i)%:R - accuracy R r) ^+ 2) / G%:R).

(** GRPO's advantage of one sample; division by 0 gives 0 here. *)
Definition advantage (R : rcfType) (G : nat) (r : 'I_G -> bool) (i : 'I_G) : R :=
  ((r i)%:R - accuracy R r) / deviation R r.

(** The weights of right and wrong answers at group accuracy [a]. *)
Definition up (R : rcfType) (a : R) : R := Num.sqrt ((1 - a) / a).
Definition down (R : rcfType) (a : R) : R := - Num.sqrt (a / (1 - a)).

(** The advantages of a mixed group. *)
Definition advantages : Prop :=
  forall (R : rcfType) (G : nat) (r : 'I_G -> bool) (i : 'I_G), let a := accuracy R r in
  0 < a < 1 -> advantage R r i = if r i then up a else down a.

Lemma size_neq0 (R : numFieldType) (G : nat) (i : 'I_G) : (G%:R : R) != 0.
Proof. by rewrite pnatr_eq0; case: G i => [[]|]. Qed.

Lemma accuracyE (R : numFieldType) (G : nat) (r : 'I_G -> bool) (i : 'I_G) :
  \sum_i (r i)%:R = G%:R * accuracy R r.
Proof. by rewrite /accuracy mulrC divfK ?(size_neq0 R i). Qed.

Lemma deviationE (R : rcfType) (G : nat) (r : 'I_G -> bool) (i : 'I_G) :
  deviation R r = Num.sqrt (accuracy R r * (1 - accuracy R r)).
Proof.
rewrite /deviation; set a := accuracy R r; congr Num.sqrt.
have square j : ((r j)%:R - a) ^+ 2 = (r j)%:R * (1 - a *+ 2) + a ^+ 2 by case: (r j) => /=; ring.
under eq_bigr do rewrite square.
rewrite big_split -mulr_suml (accuracyE R r i) -/a sumr_const card_ord /=.
by apply: (mulIf (size_neq0 R i)); rewrite divfK ?(size_neq0 R i) // -mulr_natr; ring.
Qed.

Theorem advantages_holds : advantages.
Proof.
move=> R G r i a /andP[a_gt0 a_lt1]; rewrite /advantage (deviationE R r i) -/a.
have b_gt0 : 0 < 1 - a by rewrite subr_gt0.
have s_neq0 : Num.sqrt a != 0 by rewrite gt_eqF // sqrtr_gt0.
have t_neq0 : Num.sqrt (1 - a) != 0 by rewrite gt_eqF // sqrtr_gt0.
have := sqr_sqrtr (ltW a_gt0); have := sqr_sqrtr (ltW b_gt0).
rewrite /up /down !(sqrtrM _ (ltW a_gt0), sqrtrM _ (ltW b_gt0)) !sqrtrV ?ltW //.
move: (Num.sqrt a) (Num.sqrt (1 - a)) s_neq0 t_neq0 => s t s0 t0 tt ss.
case: (r i); first by rewrite -tt; field; rewrite s0.
by rewrite sub0r -{1}ss; field; rewrite t0.
Qed.

(** All right or all wrong: no advantage at all. *)
Definition zero_when_all_alike : Prop :=
  forall (R : rcfType) (G : nat) (r : 'I_G -> bool), (forall i i', r i = r i') ->
  forall i, advantage R r i = 0.

Theorem zero_when_all_alike_holds : zero_when_all_alike.
Proof.
move=> R G r alike i; rewrite /advantage /accuracy.
under eq_bigr do rewrite (alike _ i).
by rewrite sumr_const card_ord -[X in X / _]mulr_natr mulfK ?(size_neq0 R i) // subrr mul0r.
Qed.

(** The advantages of a group cancel. *)
Definition advantages_cancel : Prop :=
  forall (R : rcfType) (G : nat) (r : 'I_G -> bool), \sum_i advantage R r i = 0.

Theorem advantages_cancel_holds : advantages_cancel.
Proof.
move=> R [|G] r; first by rewrite big_ord0.
rewrite -mulr_suml big_split sumrN /= sumr_const card_ord -[X in _ - X]mulr_natr.
by rewrite (accuracyE R r ord0) [_ * accuracy R r]mulrC subrr mul0r.
Qed.

(** How many of the group [t] are right. *)
Definition right (T : finType) (Good : pred T) (G : nat) (t : {ffun 'I_G -> T}) : nat :=
  #|[set i | Good (t i)]|.

(** The expectation over groups of [G] independent samples. *)
Definition expected (R : realFieldType) (T : finType) (w : T -> R) (G : nat)
    (F : {ffun 'I_G -> T} -> R) : R :=
  \sum_(t : {ffun 'I_G -> T}) (\prod_i w (t i)) * F t.

(** An update: each right score weighs [pos c], each wrong one [neg c], [c] of them right. *)
Definition update (R : realFieldType) (T : finType) (Good : pred T) (score : T -> R)
    (pos neg : nat -> R) (G : nat) (t : {ffun 'I_G -> T}) : R :=
  \sum_i (if Good (t i) then pos (right Good t) else neg (right Good t)) * score (t i).

(** The success probability and its gradient. *)
Definition success (R : realFieldType) (T : finType) (Good : pred T) (w : T -> R) : R :=
  \sum_(t | Good t) w t.
Definition gradient (R : realFieldType) (T : finType) (Good : pred T) (w score : T -> R) : R :=
  \sum_(t | Good t) w t * score t.

(** How far the expected update goes along it: the scores do not occur. *)
Definition speed (R : realFieldType) (G : nat) (J : R) (pos neg : nat -> R) : R :=
  G%:R * \sum_(c < G) 'C(G.-1, c)%:R * J ^+ c * (1 - J) ^+ (G.-1 - c) * (pos c.+1 - neg c).

(** Probabilities of sum 1, scores of mean 0. *)
Definition policy (R : realFieldType) (T : finType) (w score : T -> R) :=
  \sum_t w t = 1 /\ \sum_t w t * score t = 0.

(** Every update of this kind points along the gradient of [J]. *)
Definition one_direction : Prop :=
  forall (R : realFieldType) (T : finType) (Good : pred T) (w score : T -> R),
  policy w score -> forall (G : nat) (pos neg : nat -> R),
  expected w (@update R T Good score pos neg G) =
  speed G (success Good w) pos neg * gradient Good w score.

Section Direction.
Variables (R : realFieldType) (T : finType) (Good : pred T) (w score : T -> R).
Hypothesis fair : policy w score.
Let J := success Good w.
Let g := gradient Good w score.

Lemma wrong_success : \sum_(t | ~~ Good t) w t = 1 - J.
Proof. by rewrite -(proj1 fair) [in RHS](bigID Good) /= addrC addKr. Qed.

Lemma wrong_gradient : \sum_(t | ~~ Good t) w t * score t = - g.
Proof. by case: fair => _ /eqP; rewrite (bigID Good) /= addrC addr_eq0 => /eqP. Qed.

Lemma prod_two (I : finType) (S : {set I}) (i : I) (x y : R) :
  \prod_(j | j != i) (if j \in S then x else y) = x ^+ #|S :\ i| * y ^+ #|~: S :\ i|.
Proof.
rewrite (bigID (mem S)) /= -!prodr_const; congr (_ * _).
  by apply: eq_big => j; [rewrite !inE | move=> /andP[_ ->]].
by apply: eq_big => j; [rewrite !inE andbC | move=> /andP[_ /negPf->]].
Qed.

(** The scores of sample [i] over the groups whose right samples are those in [S]. *)
Lemma one_pattern (G : nat) (S : {set 'I_G}) (i : 'I_G) :
  \sum_(t : {ffun 'I_G -> T} | [set j | Good (t j)] == S) (\prod_j w (t j)) * score (t i) =
  (if i \in S then g else - g) * (J ^+ #|S :\ i| * (1 - J) ^+ #|~: S :\ i|).
Proof.
pose F j x := w x * (if j == i then score x else 1).
transitivity (\prod_j \sum_(x | Good x == (j \in S)) F j x).
  rewrite (bigA_distr_big_dep (fun j x => Good x == (j \in S))); apply: eq_big => [t|t _].
    apply/eqP/familyP => [<- j|same]; first by rewrite unfold_in inE.
    by apply/setP => j; rewrite inE; apply/eqP; apply: same.
  rewrite big_split /=; congr (_ * _).
  by rewrite (bigD1 i) //= eqxx big1 ?mulr1 // => j /negPf->.
rewrite (bigD1 i) //= -prod_two; congr (_ * _).
  rewrite /F eqxx; case: ifP => _; last rewrite -wrong_gradient.
    by apply: eq_bigl => x; rewrite eqb_id.
  by apply: eq_bigl => x; rewrite eqbF_neg.
apply: eq_bigr => j /negPf other.
under eq_bigr do rewrite /F other mulr1.
case: ifP => _; last rewrite -wrong_success.
  by apply: eq_bigl => x; rewrite eqb_id.
by apply: eq_bigl => x; rewrite eqbF_neg.
Qed.

(** A sum over sets by their sizes. *)
Lemma sum_by_size (G : nat) (h : nat -> R) :
  \sum_(S : {set 'I_G}) h #|S| = \sum_(c < G.+1) 'C(G, c)%:R * h c.
Proof.
have small (S : {set 'I_G}) : (#|S| < G.+1)%N by rewrite ltnS (leq_trans (max_card _)) ?card_ord.
rewrite (partition_big (fun S => Ordinal (small S)) predT) //=; apply: eq_bigr => c _.
rewrite (eq_bigr (fun=> h c)) => [|S /eqP <- //].
have := card_draws [finType of 'I_G] c; rewrite card_ord => <-.
rewrite mulrC mulr_natr -sumr_const.
by apply: eq_bigl => S; rewrite !inE.
Qed.

(** The expected update, a sum over the number of right samples. *)
Lemma by_number_right (G : nat) (pos neg : nat -> R) :
  expected w (@update R T Good score pos neg G) =
  (\sum_(c < G.+1) 'C(G, c)%:R *
     (c%:R * pos c * (J ^+ c.-1 * (1 - J) ^+ (G - c)) -
      (G - c)%:R * neg c * (J ^+ c * (1 - J) ^+ (G - c).-1))) * g.
Proof.
pose h c := c%:R * pos c * (J ^+ c.-1 * (1 - J) ^+ (G - c)) -
            (G - c)%:R * neg c * (J ^+ c * (1 - J) ^+ (G - c).-1).
rewrite -(sum_by_size G h) mulr_suml /expected.
rewrite (partition_big (fun t : {ffun 'I_G -> T} => [set j | Good (t j)]) predT) //=.
apply: eq_bigr => S _.
pose weigh (i : 'I_G) := if i \in S then pos #|S| else neg #|S|.
transitivity (\sum_i weigh i * \sum_(t : {ffun 'I_G -> T} | [set j | Good (t j)] == S)
                (\prod_j w (t j)) * score (t i)).
  under [RHS]eq_bigr do rewrite mulr_sumr.
  rewrite exchange_big /=; apply: eq_bigr => t /eqP pattern.
  rewrite mulr_sumr; apply: eq_bigr => i _.
  by rewrite /weigh /right -pattern !inE mulrCA.
under eq_bigr do rewrite one_pattern.
have size : (#|~: S| = G - #|S|)%N.
  apply/eqP; rewrite -(eqn_add2l #|S|) cardsC card_ord subnKC //.
  by rewrite (leq_trans (max_card _)) ?card_ord.
rewrite (bigID (mem S)) /= (eq_bigr (fun=> pos #|S| * g * (J ^+ #|S|.-1 * (1 - J) ^+ (G - #|S|)))).
  rewrite sumr_const -mulr_natl.
  rewrite [X in _ + X](eq_bigr
    (fun=> - (neg #|S| * g * (J ^+ #|S| * (1 - J) ^+ (G - #|S|).-1)))).
    rewrite sumr_const -[X in _ + X]mulr_natl.
    have -> : #|[pred i | i \notin S]| = (G - #|S|)%N.
      by rewrite -size; apply: eq_card => i; rewrite !inE.
    rewrite /h; move: (J ^+ #|S|.-1 * _) (J ^+ #|S| * _) => x y.
    move: (#|S|%:R : R) ((G - #|S|)%:R : R) => m n.
    by move: (pos _) (neg _) (g) => p q d; ring.
  move=> i /negPf out; have -> : S :\ i = S.
    by apply/setDidPl; rewrite disjoint_sym disjoints1 out.
  by rewrite /weigh out -size (cardsD1 i (~: S)) !inE out /= mulNr mulrN mulrA.
move=> i is_in; have -> : #|~: S :\ i| = (G - #|S|)%N.
  by rewrite (setDidPl _) ?size // disjoint_sym disjoints1 !inE is_in.
have -> : #|S :\ i| = #|S|.-1 by rewrite [in RHS](cardsD1 i S) is_in.
by rewrite /weigh is_in mulrA.
Qed.
End Direction.

Theorem one_direction_holds : one_direction.
Proof.
move=> R T Good w score fair G pos neg; rewrite by_number_right //; congr (_ * _).
rewrite /speed; move: (success Good w) => J.
case: G => [|n]; first by rewrite big_ord1 /= !mul0r subrr mulr0.
under eq_bigr do rewrite mulrBr.
rewrite sumrB [X in X - _]big_ord_recl [X in _ - X]big_ord_recr /= subnn !mul0r !mulr0 addr0 add0r.
rewrite -sumrB mulr_sumr; apply: eq_bigr => c _; rewrite /bump /= add1n subSS.
have gain : 'C(n.+1, c.+1)%:R * c.+1%:R = n.+1%:R * 'C(n, c)%:R :> R.
  by rewrite -!natrM mulnC -mul_bin_diag.
have lose : 'C(n.+1, c)%:R * (n.+1 - c)%:R = n.+1%:R * 'C(n, c)%:R :> R.
  by rewrite -!natrM mulnC -mul_bin_down.
have -> : (n.+1 - c).-1 = (n - c)%N by rewrite subSn // -ltnS ltn_ord.
rewrite !mulrA gain lose; ring.
Qed.

Lemma binomial_total (R : realFieldType) (n : nat) (J : R) :
  \sum_(c < n.+1) 'C(n, c)%:R * J ^+ c * (1 - J) ^+ (n - c) = 1.
Proof.
have := exprDn (1 - J) J n; rewrite subrK expr1n => total; rewrite [RHS]total.
by apply: eq_bigr => c _; rewrite -mulrA mulr_natl [J ^+ c * _]mulrC.
Qed.

(** Weights that differ by [x] whatever the number right give the speed [G * x]. *)
Lemma constant_gap (R : realFieldType) (G : nat) (J x : R) (pos neg : nat -> R) :
  (0 < G)%N -> (forall c, pos c.+1 - neg c = x) -> speed G J pos neg = G%:R * x.
Proof.
case: G => // n _ gap; rewrite /speed; congr (_ * _).
under eq_bigr do rewrite gap.
by rewrite -mulr_suml binomial_total mul1r.
Qed.

Lemma nat_neq0 (R : numFieldType) (G : nat) : (0 < G)%N -> (G%:R : R) != 0.
Proof. by rewrite pnatr_eq0 lt0n. Qed.

(** REINFORCE, the mean over the group: the gradient itself. *)
Definition reinforce : Prop :=
  forall (R : realFieldType) (T : finType) (Good : pred T) (w score : T -> R),
  policy w score -> forall G, (0 < G)%N ->
  expected w (@update R T Good score (fun=> G%:R^-1) (fun=> 0) G) = gradient Good w score.

Theorem reinforce_holds : reinforce.
Proof.
move=> R T Good w score fair G some; rewrite one_direction_holds //.
by rewrite (@constant_gap _ _ _ G%:R^-1) ?divff ?nat_neq0 ?mul1r // => c; rewrite subr0.
Qed.

(** With the group's mean reward subtracted: shorter by a factor [1 - 1/G]. *)
Definition group_mean : Prop :=
  forall (R : realFieldType) (T : finType) (Good : pred T) (w score : T -> R),
  policy w score -> forall G, (0 < G)%N ->
  expected w (@update R T Good score (fun c => (1 - c%:R / G%:R) / G%:R)
                (fun c => - (c%:R / G%:R) / G%:R) G) =
  (1 - G%:R^-1) * gradient Good w score.

Theorem group_mean_holds : group_mean.
Proof.
move=> R T Good w score fair G some; rewrite one_direction_holds //; congr (_ * _).
rewrite (@constant_gap _ _ _ ((1 - G%:R^-1) / G%:R)) // => [|c].
  by rewrite mulrC divfK ?nat_neq0.
by rewrite -mulrBl -[c.+1]addn1 natrD; congr (_ / _); rewrite mulrDl mul1r; ring.
Qed.

(** Supervised training on the mean over the positives of [G] samples (none: no update): the
    gradient of [J] times [(1 - (1 - J)^G) / J]. *)
Definition filtered : Prop :=
  forall (R : realFieldType) (T : finType) (Good : pred T) (w score : T -> R),
  policy w score -> let J := success Good w in forall G, (0 < G)%N ->
  J * expected w (@update R T Good score (fun c => c%:R^-1) (fun=> 0) G) =
  (1 - (1 - J) ^+ G) * gradient Good w score.

Theorem filtered_holds : filtered.
Proof.
move=> R T Good w score fair J [//|n] _; rewrite one_direction_holds // mulrA; congr (_ * _).
have := binomial_total n.+1 J; rewrite big_ord_recl /= bin0 expr0 mulr1 subn0 mul1r.
move=> total; rewrite -[X in X - _]total addrC addKr /speed -/J mulrA mulr_sumr.
apply: eq_bigr => c _; rewrite /bump /= add1n subSS subr0 exprS.
have gain : n.+1%:R * 'C(n, c)%:R = 'C(n.+1, c.+1)%:R * c.+1%:R :> R.
  by rewrite -!natrM mul_bin_diag mulnC.
have -> : J * n.+1%:R * ('C(n, c)%:R * J ^+ c * (1 - J) ^+ (n - c) * c.+1%:R^-1) =
  n.+1%:R * 'C(n, c)%:R * c.+1%:R^-1 * (J * J ^+ c) * (1 - J) ^+ (n - c) by ring.
by rewrite gain mulfK ?pnatr_eq0.
Qed.

(** GRPO, groups of [G]: the gradient of [J] times
    [E (sqrt (a (1 - a))) / (J (1 - J))], [a] the accuracy of a group. *)
Definition grpo : Prop :=
  forall (R : rcfType) (T : finType) (Good : pred T) (w score : T -> R),
  policy w score -> let J := success Good w in forall G, (0 < G)%N ->
  let step (t : {ffun 'I_G -> T}) :=
    (\sum_i advantage R (fun j => Good (t j)) i * score (t i)) / G%:R in
  J * (1 - J) * expected w step =
  (\sum_(c < G.+1) 'C(G, c)%:R * J ^+ c * (1 - J) ^+ (G - c) *
     Num.sqrt (c%:R / G%:R * (1 - c%:R / G%:R))) * gradient Good w score.

Lemma advantageE (R : rcfType) (G : nat) (r : 'I_G -> bool) (i : 'I_G) :
  advantage R r i = if r i then up (accuracy R r) else down (accuracy R r).
Proof.
set a := accuracy R r.
have [a0|a_neq0] := eqVneq a 0.
  by rewrite /advantage (deviationE R r i) -/a a0 mul0r sqrtr0 invr0 mulr0 /up /down
    invr0 mulr0 mul0r sqrtr0 oppr0; case: ifP.
have [a1|a_neq1] := eqVneq a 1.
  by rewrite /advantage (deviationE R r i) -/a a1 subrr mulr0 sqrtr0 invr0 mulr0 /up /down
    subrr mul0r invr0 mulr0 sqrtr0 oppr0; case: ifP.
apply: advantages_holds; rewrite !lt_def -/a a_neq0 eq_sym a_neq1 /=.
have size_gt0 : (0 : R) < G%:R by rewrite lt_def (size_neq0 R i) ler0n.
rewrite /a /accuracy; apply/andP; split.
  by rewrite divr_ge0 ?ler0n //; apply: sumr_ge0 => j _; rewrite ler0n.
rewrite ler_pdivr_mulr // mul1r.
have -> : (G%:R : R) = \sum_(j < G) 1 by rewrite sumr_const card_ord.
by apply: ler_sum => j _; rewrite lern1; case: (r j).
Qed.

Lemma up_share (R : rcfType) (a : R) : 0 <= a -> a * up a = Num.sqrt (a * (1 - a)).
Proof.
move=> a_ge0; have [->|a_neq0] := eqVneq a 0; first by rewrite !mul0r sqrtr0.
have -> : a * up a = `|a| * up a by rewrite ger0_norm.
rewrite -sqrtr_sqr /up -sqrtrM ?sqr_ge0 //.
by congr Num.sqrt; field.
Qed.

Lemma down_share (R : rcfType) (a : R) : a <= 1 -> (1 - a) * down a = - Num.sqrt (a * (1 - a)).
Proof.
rewrite -subr_ge0 => b_ge0; have := up_share b_ge0; rewrite /up /down mulrN subKr => ->.
by rewrite mulrC.
Qed.

Theorem grpo_holds : grpo.
Proof.
move=> R T Good w score fair J G some step.
pose pos (c : nat) : R := up (c%:R / G%:R) / G%:R.
pose neg (c : nat) : R := down (c%:R / G%:R) / G%:R.
have -> : expected w step = expected w (@update R T Good score pos neg G).
  apply: eq_bigr => t _; congr (_ * _); rewrite /step /update mulr_suml; apply: eq_bigr => i _.
  rewrite advantageE.
  have -> : accuracy R (fun j => Good (t j)) = (right Good t)%:R / G%:R.
    congr (_ / _); rewrite -natr_sum; congr _%:R.
    by rewrite /right -sum1dep_card [in RHS]big_mkcond; apply: eq_bigr => j _; case: (Good _).
  by rewrite /pos /neg; case: ifP => _; rewrite mulrAC.
rewrite by_number_right // mulrA -/J; congr (_ * _); rewrite mulr_sumr; apply: eq_bigr => c _.
clearbody J; have G_neq0 := nat_neq0 R some; have c_le : (c <= G)%N by rewrite -ltnS.
have a_ge0 : 0 <= c%:R / G%:R :> R by rewrite divr_ge0 ?ler0n.
have a_le1 : c%:R / G%:R <= 1 :> R by rewrite ler_pdivr_mulr ?mul1r ?ler_nat // ltr0n.
have first_part : J * (c%:R * J ^+ c.-1) = c%:R * J ^+ c :> R.
  by case: (c : nat) => [|m]; rewrite ?mul0r ?mulr0 // exprS mulrCA.
have second_part : (1 - J) * ((G - c)%:R * (1 - J) ^+ (G - c).-1) = (G - c)%:R * (1 - J) ^+ (G - c).
  by case: (G - c)%N => [|m]; rewrite ?mul0r ?mulr0 // exprS mulrCA.
have wrong_share : (G - c)%:R / G%:R = 1 - c%:R / G%:R :> R.
  by rewrite natrB // mulrBl divff.
transitivity ('C(G, c)%:R * ((1 - J) ^+ (G - c) * (1 - J) * (J * (c%:R * J ^+ c.-1)) * pos c -
  J * J ^+ c * ((1 - J) * ((G - c)%:R * (1 - J) ^+ (G - c).-1)) * neg c)).
  move: (J ^+ c.-1) (J ^+ c) ((1 - J) ^+ (G - c)) ((1 - J) ^+ (G - c).-1) => x y u v.
  move: ('C(G, c)%:R : R) ((c : nat)%:R : R) ((G - c)%:R : R) => B n m.
  by move: (pos c) (neg c) => p q; ring.
rewrite first_part second_part.
transitivity ('C(G, c)%:R * J ^+ c * (1 - J) ^+ (G - c) *
  ((1 - J) * (c%:R / G%:R * up (c%:R / G%:R)) - J * ((G - c)%:R / G%:R * down (c%:R / G%:R)))).
  rewrite /pos /neg; move: (up _) (down _) (J ^+ c) ((1 - J) ^+ (G - c)) => p q x y.
  by move: ('C(G, c)%:R : R) ((c : nat)%:R : R) ((G - c)%:R : R) => B n m; ring.
rewrite wrong_share up_share // down_share //; congr (_ * _).
by move: (Num.sqrt _) => s; ring.
Qed.

(** Wrong: subtracting the group's mean leaves the expected update as it is. *)
Definition wrong_mean_is_unbiased : Prop :=
  forall (R : realFieldType) (T : finType) (Good : pred T) (w score : T -> R),
  policy w score -> forall G, (1 < G)%N ->
  expected w (@update R T Good score (fun c => (1 - c%:R / G%:R) / G%:R)
                (fun c => - (c%:R / G%:R) / G%:R) G) = gradient Good w score.

Theorem wrong_mean_is_unbiased_fails : ~ wrong_mean_is_unbiased.
Proof.
pose w (_ : bool) : rat := 2%:R^-1; pose score (t : bool) : rat := if t then 1 else -1.
have fair : policy w score by split; rewrite big_bool.
move=> /(_ _ _ id _ _ fair 2%N isT); rewrite group_mean_holds //.
by rewrite /gradient big_mkcond big_bool /=; move/eqP.
Qed.

(** Wrong: GRPO's step is REINFORCE's in expectation, for every size of the group. *)
Definition wrong_speed_one (R : rcfType) : Prop :=
  forall (T : finType) (Good : pred T) (w score : T -> R), policy w score ->
  forall G, (0 < G)%N ->
  expected w (fun t : {ffun 'I_G -> T} =>
    (\sum_i advantage R (fun j => Good (t j)) i * score (t i)) / G%:R) = gradient Good w score.

Theorem wrong_speed_one_fails : forall R : rcfType, ~ wrong_speed_one R.
Proof.
move=> R; pose w (_ : bool) : R := 2%:R^-1; pose score (t : bool) : R := if t then 1 else -1.
have two : (2%:R : R) != 0 by rewrite pnatr_eq0.
have fair : policy w score.
  by split; rewrite big_bool /w /score /=; [field | ring].
move=> /(_ _ id _ _ fair 1%N isT); rewrite /expected big1 => [|t _].
  move/esym/eqP; rewrite /gradient big_mkcond big_bool /= addr0 mulr1.
  by rewrite invr_eq0 (negPf two).
rewrite [X in X / _]big1 ?mul0r ?mulr0 // => i _.
by rewrite zero_when_all_alike_holds ?mul0r // => j k; rewrite !ord1.
Qed.

(** Wrong: dividing each right answer's step by its length changes the speed alone. *)
Definition wrong_length_keeps_direction : Prop :=
  forall (R : realFieldType) (T : finType) (Good : pred T) (length : T -> nat) (w : T -> R),
  (forall t, 0 < length t)%N -> exists v : R, forall score, policy w score ->
  \sum_(t | Good t) w t * (score t / (length t)%:R) = v * gradient Good w score.

Theorem wrong_length_keeps_direction_fails : ~ wrong_length_keeps_direction.
Proof.
pose w (_ : 'I_3) : rat := 3%:R^-1; pose len (t : 'I_3) := t.+1.
move=> /(_ _ _ (fun t : 'I_3 => t < 2)%N len w (fun=> isT))[v same].
pose s (x y : rat) (t : 'I_3) := if t == 0 then x else if t == 1 then y else - (x + y).
have fair x y : policy w (s x y).
  by split; rewrite !big_ord_recr big_ord0 /w /s /=; field.
have grad x y : \sum_(t < 3 | (t < 2)%N) w t * (s x y t / (len t)%:R) =
  3%:R^-1 * x + 3%:R^-1 * (y / 2%:R).
  by rewrite big_mkcond !big_ord_recr big_ord0 /w /s /len /=; field.
have full x y : gradient (fun t : 'I_3 => t < 2)%N w (s x y) = 3%:R^-1 * x + 3%:R^-1 * y.
  by rewrite /gradient big_mkcond !big_ord_recr big_ord0 /w /s /=; field.
have := same _ (fair 1 0); have := same _ (fair 1 (-1)); rewrite !grad !full.
by rewrite mulrN subrr mulr0 => /eqP.
Qed.
