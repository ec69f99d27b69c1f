(** Theorem 4.4: what the KL penalty does to policy gradient.

    One target [i], a table of logits, a base policy of full support, a weight [lam > 0].  Every
    step of an episode is credited with the reward of the whole episode (1 if it is correct, else
    0) minus [lam] times the logarithm of policy over base at that step: the KL term of the paper,
    one token at a time.  The expected update of a row that episodes visit vanishes iff in this row
    policy = base * exp(p / lam), normalised, where p k, under this same policy, is the expected
    number of times that [k] is taken there in correct episodes, divided by the same number in all
    episodes.  So the base is tilted, never left: ratios of equally good steps stay the base's.

    Compared with the paper (arXiv 2509.22613): p k counts visits, not episodes, because one
    episode can pass a row more than once; and the sign of the KL term is the one that makes it a
    penalty (with the other sign the theorem fails: [wrong_sign]).  Logits are
    finite.  Episodes end at the target or at the horizon [H]; illegal steps do not end them.

    Left out: that a solution exists for every base (it needs Brouwer's theorem, which is not at
    hand); that there can be several solutions for one base; that p counted by episodes
    instead of visits makes the statement false; that training gets there; problems
    mixed over several targets (they have separate rows); the KL of whole sequences.  Nothing is
    said about numbers but the properties in [exponential]; derivatives are replaced by the slope
    inequality of [score_is_slope].  Wrong versions are refuted for every such exponential. *)
From mathcomp Require Import all_ssreflect all_algebra ring.
From Planning Require Import Planning Exponential Episodes.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** * One row *)

(** Success credit minus the KL term: [q] is the policy of the row, [b] the base's. *)
Definition credit (R : realFieldType) (E : exponential R) (V : finType) (lam : R)
  (b p q : V -> R) (k : V) : R :=
  p k - lam * lg E (q k / b k).

(** The other sign, with which distance from the base is rewarded. *)
Definition rewarded (R : realFieldType) (E : exponential R) (V : finType) (lam : R)
  (b p q : V -> R) (k : V) : R :=
  p k + lam * lg E (q k / b k).

(** The expected update of logit [k] in a row visited [d] times, with step credits [a]. *)
Definition update (R : realFieldType) (V : finType) (d : R) (q a : V -> R) (k : V) : R :=
  d * (q k * (a k - \sum_m q m * a m)).

(** The base tilted by the credits. *)
Definition tilted (R : realFieldType) (E : exponential R) (V : finType) (lam : R)
  (b p : V -> R) (k : V) : R :=
  b k * E (p k / lam) / \sum_m b m * E (p m / lam).

(** Why a step to [m] moves logit [k] by [[m = k] - q k]: that is the slope of the
    log-probability of [m], which is concave in the logits. *)
Definition score_is_slope : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (f g : V -> R) (m : V),
  lg E (softmax E g m) <= lg E (softmax E f m)
    + \sum_k (g k - f k) * ((m == k)%:R - softmax E f k).

(** The mean over steps [m] drawn from the row. *)
Definition update_is_a_mean : Prop :=
  forall (R : realFieldType) (V : finType) (d : R) (q a : V -> R), \sum_m q m = 1 ->
  forall k, update d q a k = d * \sum_m q m * (a m * ((m == k)%:R - q k)).

(** Stationary iff exponentially tilted; the credits [p] may depend on the policy in any way. *)
Definition stationary_iff_exponential : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (p : (V -> R) -> V -> R)
    (f b : V -> R) (lam d : R), 0 < lam -> 0 < d -> (forall k, 0 < b k) ->
  let q := softmax E f in
  (forall k, update d q (credit E lam b (p q) q) k = 0)
  <-> (forall k, q k = tilted E lam b (p q) k).

(** With the other sign the tilt is against success. *)
Definition other_sign : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (p : (V -> R) -> V -> R)
    (f b : V -> R) (lam d : R), 0 < lam -> 0 < d -> (forall k, 0 < b k) ->
  let q := softmax E f in
  (forall k, update d q (rewarded E lam b (p q) q) k = 0)
  <-> (forall k, q k = b k * E (- p q k / lam) / \sum_m b m * E (- p q m / lam)).

(** Two steps compared at a stationary point. *)
Definition odds : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (f b p : V -> R) (lam d : R),
  0 < lam -> 0 < d -> (forall k, 0 < b k) ->
  let q := softmax E f in
  (forall k, update d q (credit E lam b p q) k = 0) ->
  forall k m, q k / q m = b k / b m * E ((p k - p m) / lam).

(** Equally good steps keep the base's ratio, whatever the weight. *)
Definition equal_credits_keep_the_base : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (f b p : V -> R) (lam d : R),
  0 < lam -> 0 < d -> (forall k, 0 < b k) ->
  let q := softmax E f in
  (forall k, update d q (credit E lam b p q) k = 0) ->
  forall k m, p k = p m -> q k / q m = b k / b m.

(** A better step gains on a worse one: beyond all bounds as [lam] shrinks, less and less as
    [lam] grows. *)
Definition gain : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (f b p : V -> R) (lam d : R),
  0 < lam -> 0 < d -> (forall k, 0 < b k) ->
  let q := softmax E f in
  (forall k, update d q (credit E lam b p q) k = 0) ->
  forall k m,
    b k / b m * (1 + (p k - p m) / lam) <= q k / q m /\
    q k / q m * (1 - (p k - p m) / lam) <= b k / b m.

(** Credits are probabilities: no step, good or bad, leaves the base by more than exp(1/lam). *)
Definition base_is_kept : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (f b p : V -> R) (lam d : R),
  0 < lam -> 0 < d -> (forall k, 0 < b k) -> \sum_k b k = 1 -> (forall k, 0 <= p k <= 1) ->
  let q := softmax E f in
  (forall k, update d q (credit E lam b p q) k = 0) ->
  forall k, b k * E (- 1 / lam) <= q k <= b k * E (1 / lam).

(** * Episodes *)

(** The mean of [F] over episodes ([expect]), with starts [s] of weights [mu s]. *)
Definition mean (R : realFieldType) (V : finType) (mu : V -> R) (q : V -> V -> R) (i : V)
  (H : nat) (F : V -> seq V -> R) : R :=
  \sum_s mu s * expect i q H s (F s).

(** The steps (from, to) of the episode [u] that starts at [s]. *)
Definition steps (V : finType) (s : V) (u : seq V) : seq (V * V) := zip (s :: u) u.

(** How often the episode leaves [x], and how often toward [k]. *)
Definition passes (V : finType) (x s : V) (u : seq V) : nat :=
  count (fun st => st.1 == x) (steps s u).
Definition takes (V : finType) (x k s : V) (u : seq V) : nat := count_mem (x, k) (steps s u).

(** What logit [k] of row [x] gets from one episode: every step that leaves [x] is credited with
    the reward of the episode minus the KL term. *)
Definition sample (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V)
  (lam : R) (b q : V -> V -> R) (x k s : V) (u : seq V) : R :=
  \sum_(st <- steps s u | st.1 == x)
    ((correct A i s u)%:R - lam * lg E (q x st.2 / b x st.2)) * ((st.2 == k)%:R - q x k).

(** Expected visits of the row [x]. *)
Definition visits (R : realFieldType) (V : finType) (mu : V -> R) (q : V -> V -> R) (i : V)
  (H : nat) (x : V) : R :=
  mean mu q i H (fun s u => (passes x s u)%:R).

(** [p k] of row [x]: uses of the step in correct episodes, of all its uses. *)
Definition success (R : realFieldType) (V : finType) (A : rel V) (mu : V -> R) (q : V -> V -> R)
  (i : V) (H : nat) (x k : V) : R :=
  mean mu q i H (fun s u => (correct A i s u)%:R * (takes x k s u)%:R)
  / mean mu q i H (fun s u => (takes x k s u)%:R).

(** The mean over episodes is the update of the row form, with [success] as the credits. *)
Definition mean_sample_is_update : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V) (H : nat)
    (mu : V -> R) (f b : V -> V -> R) (lam : R),
  let q := policy E f in
  forall x k, 0 < visits mu q i H x ->
  mean mu q i H (sample E A i lam b q x k)
  = update (visits mu q i H x) (q x) (credit E lam (b x) (success A mu q i H x) (q x)) k.

(** Theorem 4.4: in a row that episodes visit the expected update is 0 iff the policy is the base
    tilted by its credits, which are counted under this same policy. *)
Definition kl_stationary : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (A : rel V) (i : V) (H : nat)
    (mu : V -> R) (f b : V -> V -> R) (lam : R), 0 < lam -> (forall j k, 0 < b j k) ->
  let q := policy E f in
  forall x, 0 < visits mu q i H x ->
  (forall k, mean mu q i H (sample E A i lam b q x k) = 0)
  <-> (forall k, q x k = tilted E lam (b x) (success A mu q i H x) k).

(** * Wrong versions, each about one exponential *)

(** Theorem 4.4 with the sign that makes the KL term a reward. *)
Definition wrong_sign (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (f b p : V -> R) (lam d : R),
  0 < lam -> 0 < d -> (forall k, 0 < b k) -> \sum_k b k = 1 ->
  let q := softmax E f in
  (forall k, update d q (rewarded E lam b p q) k = 0) -> (forall k, q k = tilted E lam b p k).

(** Equally good steps become equally likely: KL restores diversity. *)
Definition wrong_equal_shares (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (f b p : V -> R) (lam d : R),
  0 < lam -> 0 < d -> (forall k, 0 < b k) -> \sum_k b k = 1 ->
  let q := softmax E f in
  (forall k, update d q (credit E lam b p q) k = 0) -> forall k m, p k = p m -> q k = q m.

(** * Proofs: one row *)

Section Row.
Variables (R : realFieldType) (E : exponential R) (V : finType).
Implicit Types (f g b p q a : V -> R) (lam d : R) (k m : V).

Lemma lg_mono (x y : R) : 0 < x -> x <= y -> lg E x <= lg E y.
Proof.
move=> px le; have py := lt_le_trans px le; rewrite leNgt; apply/negP => /(ex_lt E).
by rewrite !lgK // ltNge le.
Qed.

(** Jensen's inequality for the exponential, from its tangent at the mean. *)
Lemma ex_mean q (h : V -> R) : (forall k, 0 < q k) -> \sum_k q k = 1 ->
  E (\sum_k q k * h k) <= \sum_k q k * E (h k).
Proof.
move=> q0 q1; set c := \sum_k _.
have -> : \sum_k q k * E (h k) = E c * \sum_k q k * E (h k - c).
  rewrite mulr_sumr; apply: eq_bigr => k _; rewrite mulrCA -exD.
  by rewrite addrC subrK.
rewrite ler_pmulr ?ex_gt0 //.
have {1}-> : 1 = \sum_k q k * (1 + (h k - c)).
  under eq_bigr => k _ do rewrite mulrDr mulr1 mulrBr.
  by rewrite big_split sumrB /= q1 -mulr_suml q1 mul1r subrr addr0.
by apply: ler_sum => k _; rewrite ler_pmul2l ?ex_ge.
Qed.

Lemma slope f g m : lg E (softmax E g m) <= lg E (softmax E f m)
  + \sum_k (g k - f k) * ((m == k)%:R - softmax E f k).
Proof.
have Sf := sum_ex_gt0 E f m; have Sg := sum_ex_gt0 E g m.
have lgS h : 0 < \sum_k E (h k) ->
    lg E (softmax E h m) = h m - lg E (\sum_k E (h k)).
  by move=> S; rewrite /softmax lgM ?ex_gt0 ?invr_gt0 // lgV // exK.
rewrite !lgS //; set c := \sum_k softmax E f k * (g k - f k).
have -> : \sum_k (g k - f k) * ((m == k)%:R - softmax E f k) = g m - f m - c.
  under eq_bigr => k _ do rewrite mulrBr.
  rewrite sumrB (bigD1 m) //= eqxx mulr1 [X in _ + X - _]big1 ?addr0 => [|k /negbTE other].
    by congr (_ - _); apply: eq_bigr => k _; rewrite mulrC.
  by rewrite eq_sym other mulr0.
rewrite [X in _ <= X](_ : _ = g m - (c + lg E (\sum_k E (f k)))); last by ring.
rewrite ler_add2l ler_opp2 -[c](exK E) -lgM ?ex_gt0 // lg_mono ?mulr_gt0 ?ex_gt0 //.
apply: (@le_trans _ _ ((\sum_k softmax E f k * E (g k - f k)) * \sum_k E (f k))).
  rewrite ler_pmul2r //; apply: ex_mean; last exact: softmax_sum m.
  by move=> k; apply: softmax_gt0.
rewrite mulr_suml le_eqVlt; apply/orP; left; apply/eqP; apply: eq_bigr => k _.
rewrite /softmax mulrAC divfK ?lt0r_neq0 // -exD; congr (E _); ring.
Qed.

Lemma update_mean d q a k : \sum_m q m = 1 ->
  update d q a k = d * \sum_m q m * (a m * ((m == k)%:R - q k)).
Proof.
move=> q1; rewrite /update; congr (d * _).
under [RHS]eq_bigr => m _ do rewrite mulrBr mulrBr mulrA mulrA.
rewrite sumrB -mulr_suml [X in _ = X - _](bigD1 k) //= eqxx mulr1.
rewrite [X in _ = _ + X - _]big1 ?addr0; last by move=> m /negbTE->; rewrite mulr0.
by rewrite mulrBr; congr (_ - _); rewrite mulrC.
Qed.

(** The update vanishes iff all credits are equal. *)
Lemma update0 d q a : 0 < d -> (forall k, 0 < q k) -> \sum_k q k = 1 ->
  (forall k, update d q a k = 0) <-> (forall k m, a k = a m).
Proof.
move=> d0 q0 q1; split=> [zero|same k].
  have mean k : a k = \sum_m q m * a m.
    apply/eqP; rewrite -subr_eq0; move/eqP: (zero k).
    by rewrite /update !mulf_eq0 (gt_eqF d0) (gt_eqF (q0 k)).
  by move=> k m; rewrite mean [RHS]mean.
rewrite /update; under eq_bigr => m _ do rewrite (same m k).
by rewrite -mulr_suml q1 mul1r subrr !mulr0.
Qed.

(** For both signs at once: [lam] is any number but 0. *)
Lemma stationary f b p lam d : lam != 0 -> 0 < d -> (forall k, 0 < b k) ->
  (forall k, update d (softmax E f) (credit E lam b p (softmax E f)) k = 0)
  <-> (forall k, softmax E f k = tilted E lam b p k).
Proof.
move=> lam0 d0 b0; set q := softmax E f.
have q0 k : 0 < q k by apply: softmax_gt0.
case: (pickP (fun _ : V => true)) => [k0 _|none]; last by split=> _ k; have := none k.
have q1 : \sum_k q k = 1 by apply: softmax_sum k0.
apply: (iff_trans (update0 _ d0 q0 q1)); split=> [same k|tilt k m].
  pose c := credit E lam b p q k0.
  have qE m : q m = b m * E (p m / lam) / E (c / lam).
    have -> : p m / lam = lg E (q m / b m) + c / lam.
      by rewrite /c (same k0 m) /credit mulrBl [lam * _]mulrC mulfK // addrC subrK.
    by rewrite exD (lgK E (divr_gt0 (q0 m) (b0 m))) mulrA mulfK ?lt0r_neq0 ?ex_gt0 //
       mulrC divfK ?lt0r_neq0.
  have S : \sum_m b m * E (p m / lam) = E (c / lam).
    rewrite -[RHS]mul1r -q1 mulr_suml; apply: eq_bigr => m _.
    by rewrite qE divfK // lt0r_neq0 ?ex_gt0.
  by rewrite /tilted S -qE.
pose Z := \sum_m b m * E (p m / lam).
have Z0 : 0 < Z.
  rewrite /Z (bigD1 k0) //= ltr_paddr ?mulr_gt0 ?ex_gt0 //; apply: sumr_ge0 => x _.
  by rewrite ltW // mulr_gt0 ?ex_gt0.
suff aE x : credit E lam b p q x = lam * lg E Z by rewrite !aE.
have bx := lt0r_neq0 (b0 x); have Zn := lt0r_neq0 Z0.
rewrite /credit tilt /tilted -/Z.
rewrite (_ : b x * E (p x / lam) / Z / b x = E (p x / lam) / Z); last by field; rewrite bx Zn.
by rewrite lgM ?ex_gt0 ?invr_gt0 // lgV // exK mulrBr mulrC divfK // opprB addrC subrK.
Qed.

Lemma odds_tilted f b p lam k m : (forall k, 0 < b k) ->
  (forall k, softmax E f k = tilted E lam b p k) ->
  softmax E f k / softmax E f m = b k / b m * E ((p k - p m) / lam).
Proof.
move=> b0 tilt; rewrite !tilt /tilted; set Z := \sum_m _.
have Z0 : Z != 0.
  apply: lt0r_neq0; rewrite /Z (bigD1 k) //= ltr_paddr ?mulr_gt0 ?ex_gt0 //.
  by apply: sumr_ge0 => x _; rewrite ltW // mulr_gt0 ?ex_gt0.
have bm := lt0r_neq0 (b0 m); have Em := lt0r_neq0 (ex_gt0 E (p m / lam)).
by rewrite mulrBl exD exN; field; rewrite Z0 bm Em.
Qed.
End Row.

Theorem score_is_slope_holds : score_is_slope.
Proof. by move=> R E V f g m; apply: slope. Qed.

Theorem update_is_a_mean_holds : update_is_a_mean.
Proof. by move=> R V d q a q1 k; apply: update_mean. Qed.

Theorem stationary_iff_exponential_holds : stationary_iff_exponential.
Proof. by move=> R E V p f b lam d lam0 d0 b0 q; apply: stationary; rewrite ?lt0r_neq0. Qed.

Theorem other_sign_holds : other_sign.
Proof.
move=> R E V p f b lam d lam0 d0 b0 q.
have lamN : - lam != 0 by rewrite oppr_eq0 lt0r_neq0.
have flip x : - p q x / lam = p q x / - lam by rewrite invrN mulrN mulNr.
have same k : update d q (rewarded E lam b (p q) q) k
    = update d q (credit E (- lam) b (p q) q) k.
  have aE m : rewarded E lam b (p q) q m = credit E (- lam) b (p q) q m.
    by rewrite /rewarded /credit mulNr opprK.
  by rewrite /update aE; congr (_ * (_ * (_ - _))); apply: eq_bigr => m _; rewrite aE.
have tiltE k : b k * E (- p q k / lam) / (\sum_m b m * E (- p q m / lam))
    = tilted E (- lam) b (p q) k.
  by rewrite /tilted flip; congr (_ / _); apply: eq_bigr => m _; rewrite flip.
have [to from] := stationary E f (p q) lamN d0 b0.
split=> [zero k|tilt k]; first by rewrite tiltE; apply: to => m; rewrite -same.
by rewrite same; apply: from => m; rewrite -tiltE; apply: tilt.
Qed.

Theorem odds_holds : odds.
Proof.
move=> R E V f b p lam d lam0 d0 b0 q /(stationary E f p (lt0r_neq0 lam0) d0 b0) tilt k m.
exact: odds_tilted.
Qed.

Theorem equal_credits_keep_the_base_holds : equal_credits_keep_the_base.
Proof.
move=> R E V f b p lam d lam0 d0 b0 q zero k m same.
by rewrite (odds_holds lam0 d0 b0 zero) same subrr mul0r ex0 mulr1.
Qed.

Theorem gain_holds : gain.
Proof.
move=> R E V f b p lam d lam0 d0 b0 q zero k m; rewrite (odds_holds lam0 d0 b0 zero).
have r0 : 0 < b k / b m by rewrite divr_gt0.
set x := _ / lam; split; first by rewrite ler_pmul2l ?ex_ge.
rewrite -mulrA ger_pmulr // -[X in _ <= X](divff (lt0r_neq0 (ex_gt0 E x))).
by rewrite ler_pmul2l ?ex_gt0 // -exN ex_ge.
Qed.

Theorem base_is_kept_holds : base_is_kept.
Proof.
move=> R E V f b p lam d lam0 d0 b0 b1 p01 q /(stationary E f p (lt0r_neq0 lam0) d0 b0) tilt k.
rewrite /q tilt /tilted; set Z := \sum_m _.
have Ep m : 1 <= E (p m / lam) <= E (1 / lam).
  have /andP[p0 p1] := p01 m; rewrite -{1}(ex0 E) !ex_le // ?divr_ge0 ?(ltW lam0) //.
  by rewrite ler_pmul2r ?invr_gt0.
have Z1 : 1 <= Z.
  rewrite -{1}b1; apply: ler_sum => m _; rewrite ler_pmulr //.
  by case/andP: (Ep m).
have ZE : Z <= E (1 / lam).
  rewrite -[X in _ <= X]mul1r -{1}b1 mulr_suml; apply: ler_sum => m _.
  by rewrite ler_pmul2l //; case/andP: (Ep m).
have Z0 : 0 < Z by rewrite (lt_le_trans _ Z1).
have /andP[E1 EE] := Ep k; have L0 := ex_gt0 E (1 / lam).
rewrite -!mulrA !ler_pmul2l // mulNr exN; apply/andP; split.
  have le : (E (1 / lam))^-1 <= Z^-1 by rewrite lef_pinv ?posrE.
  by apply: (le_trans le); rewrite ler_pmull // invr_gt0.
by rewrite ler_pdivr_mulr //; apply: (le_trans EE); rewrite ler_pmulr.
Qed.

(** * Proofs: episodes *)

Section Episodes.
Variables (R : realFieldType) (V : finType) (q : V -> V -> R) (i : V).
Hypothesis q1 : forall j, \sum_k q j k = 1.

Lemma expect_ext H j (F G : seq V -> R) : F =1 G -> expect i q H j F = expect i q H j G.
Proof.
elim: H j F G => [|H IH] j F G same /=; first exact: same.
rewrite same; case: eqP => // _; apply: eq_bigr => k _; congr (_ * _).
by apply: IH => u; apply: same.
Qed.

Lemma expect_lin (T : finType) H j (c : T -> R) (F : T -> seq V -> R) :
  expect i q H j (fun u => \sum_t c t * F t u) = \sum_t c t * expect i q H j (F t).
Proof.
elim: H j F => [//|H IH] j F /=; case: eqP => // _.
under eq_bigr => k _ do rewrite IH mulr_sumr.
rewrite exchange_big; apply: eq_bigr => t _; rewrite mulr_sumr.
by apply: eq_bigr => k _; rewrite mulrCA.
Qed.

Lemma expect_addc H j (c : R) (F : seq V -> R) :
  expect i q H j (fun u => c + F u) = c + expect i q H j F.
Proof.
elim: H j F => [//|H IH] j F /=; case: eqP => // _.
under eq_bigr => k _ do rewrite IH mulrDr.
by rewrite big_split /= -mulr_suml q1 mul1r.
Qed.

(** Of the visits of [x], the policy's share goes to [k]. *)
Lemma expect_takes H j x k :
  expect i q H j (fun u => (takes x k j u)%:R)
  = q x k * expect i q H j (fun u => (passes x j u)%:R).
Proof.
elim: H j => [|H IH] j /=; first by rewrite mulr0.
case: eqP => _; first by rewrite mulr0.
pose here m : R := ((j == x) && (m == k))%:R.
transitivity (\sum_m q j m * (here m + q x k * expect i q H m (fun u => (passes x m u)%:R))).
  apply: eq_bigr => m _; congr (_ * _); rewrite -IH -expect_addc; apply: expect_ext => u.
  by rewrite /takes /= natrD xpair_eqE.
transitivity (q x k * \sum_m q j m * ((j == x)%:R
    + expect i q H m (fun u => (passes x m u)%:R))); last first.
  congr (_ * _); apply: eq_bigr => m _; congr (_ * _); rewrite -expect_addc.
  by apply: expect_ext => u; rewrite /passes /= natrD.
under eq_bigr => m _ do rewrite mulrDr.
under [in RHS]eq_bigr => m _ do rewrite mulrDr.
rewrite !big_split /= mulrDr; congr (_ + _); last first.
  by rewrite mulr_sumr; apply: eq_bigr => m _; rewrite mulrCA.
rewrite -mulr_suml q1 mul1r (bigD1 k) //= big1 ?addr0 => [|m /negbTE other].
  by rewrite /here eqxx andbT; case: eqP => [->|_]; rewrite ?mulr0.
by rewrite /here other andbF mulr0.
Qed.
End Episodes.

Lemma mean_lin (R : realFieldType) (V T : finType) (mu : V -> R) q i H (c : T -> R)
  (F : T -> V -> seq V -> R) :
  mean mu q i H (fun s u => \sum_t c t * F t s u) = \sum_t c t * mean mu q i H (F t).
Proof.
rewrite /mean; under eq_bigr => s _ do rewrite expect_lin mulr_sumr.
rewrite exchange_big; apply: eq_bigr => t _; rewrite mulr_sumr.
by apply: eq_bigr => s _; rewrite mulrCA.
Qed.

Lemma mean_ext (R : realFieldType) (V : finType) (mu : V -> R) q i H (F G : V -> seq V -> R) :
  (forall s u, F s u = G s u) -> mean mu q i H F = mean mu q i H G.
Proof. by move=> same; apply: eq_bigr => s _; rewrite (expect_ext _ _ _ _ (same s)). Qed.

(** A sum over the steps that leave [x], by where they go. *)
Lemma sum_steps (R : realFieldType) (V : finType) (x : V) (l : seq (V * V)) (G : V -> R) :
  \sum_(st <- l | st.1 == x) G st.2 = \sum_m G m * (count_mem (x, m) l)%:R.
Proof.
elim: l => [|[y k] l IH]; first by rewrite big_nil big1 // => m _; rewrite mulr0.
rewrite big_cons IH /=.
under [RHS]eq_bigr => m _ do rewrite natrD mulrDr xpair_eqE.
rewrite big_split /=; case: (y == x) => /=; last first.
  by rewrite [X in X + _]big1 ?add0r // => m _; rewrite mulr0.
rewrite [X in _ = X + _](bigD1 k) //= eqxx mulr1 [X in _ + X + _]big1 ?addr0 //.
by move=> m /negbTE other; rewrite eq_sym other mulr0.
Qed.

Theorem mean_sample_is_update_holds : mean_sample_is_update.
Proof.
move=> R E V A i H mu f b lam q x k vis.
have q1 j : \sum_m q j m = 1 by apply: softmax_sum j.
have q0 m : 0 < q x m by apply: softmax_gt0.
pose T m : R := mean mu q i H (fun s u => (takes x m s u)%:R).
pose S m : R := mean mu q i H (fun s u => (correct A i s u)%:R * (takes x m s u)%:R).
have TE m : T m = q x m * visits mu q i H x.
  rewrite /T /visits /mean mulr_sumr; apply: eq_bigr => s _.
  by rewrite expect_takes // mulrCA.
have SE m : S m = T m * success A mu q i H x m.
  by rewrite /success -/(S m) -/(T m) mulrC divfK // TE lt0r_neq0 // mulr_gt0.
pose g m : R := (m == k)%:R - q x k.
pose c (t : V + V) : R :=
  match t with inl m => g m | inr m => - (lam * lg E (q x m / b x m)) * g m end.
pose F (t : V + V) (s : V) (u : seq V) : R :=
  match t with
  | inl m => (correct A i s u)%:R * (takes x m s u)%:R
  | inr m => (takes x m s u)%:R
  end.
rewrite update_mean //.
have -> : mean mu q i H (sample E A i lam b q x k)
    = mean mu q i H (fun s u => \sum_t c t * F t s u).
  apply: mean_ext => s u; rewrite big_sumType /= -big_split /sample.
  rewrite (sum_steps x _ (fun m => ((correct A i s u)%:R - lam * lg E (q x m / b x m)) * g m)).
  by apply: eq_bigr => m _; rewrite -/(takes x m s u) /=; ring.
rewrite mean_lin big_sumType /= -big_split mulr_sumr; apply: eq_bigr => m _ /=.
rewrite -/(S m) -/(T m) SE TE /credit /g; ring.
Qed.

Theorem kl_stationary_holds : kl_stationary.
Proof.
move=> R E V A i H mu f b lam lam0 b0 q x vis.
have := stationary E (f x) (success A mu q i H x) (lt0r_neq0 lam0) vis (b0 x).
have same := @mean_sample_is_update_holds R E V A i H mu f b lam x _ vis.
move=> [to from]; split=> [zero k|tilt k]; first by apply: to => m; rewrite -same.
by rewrite same; apply: from.
Qed.

(** * The wrong versions fail *)

Lemma softmax_odds (R : realFieldType) (E : exponential R) (V : finType) (f : V -> R) k m :
  softmax E f k / softmax E f m = E (f k - f m).
Proof.
have S := lt0r_neq0 (sum_ex_gt0 E f k); have Em := lt0r_neq0 (ex_gt0 E (f m)).
by rewrite /softmax exD exN; field; rewrite S Em.
Qed.

(** Base one half each, credits 1 and 0, weight 1: the odds are exp(-1), not exp(1). *)
Theorem wrong_sign_fails (R : realFieldType) (E : exponential R) : ~ wrong_sign E.
Proof.
pose p (k : bool) : R := k%:R; pose b (_ : bool) : R := 2%:R^-1.
have b0 k : 0 < b k by rewrite invr_gt0 ltr0n.
have b1 : \sum_k b k = 1 by rewrite big_bool /= /b; field.
move/(_ _ (fun k => - p k) b p 1 1 ltr01 ltr01 b0 b1) => /= wrong.
have [_ stat] := other_sign_holds E (fun _ => p) (fun k => - p k) ltr01 ltr01 b0.
have qE k : softmax E (fun k => - p k) k
    = b k * E (- p k / 1) / \sum_m b m * E (- p m / 1).
  rewrite /softmax /b -mulr_sumr -mulf_div divff ?mul1r ?invr_eq0 ?pnatr_eq0 // divr1.
  by congr (_ / _); apply: eq_bigr => m _; rewrite divr1.
have := odds_tilted true false b0 (wrong (stat qE)); rewrite softmax_odds.
rewrite divff ?mul1r ?lt0r_neq0 // => /ex_inj; rewrite /p /= opprK addr0 subr0 divr1 => /eqP.
by rewrite lt_eqF // (@lt_trans _ _ 0) ?ltrN10 ?ltr01.
Qed.

(** Base two thirds and one third, no credit at all: the base itself is stationary. *)
Theorem wrong_equal_shares_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_equal_shares E.
Proof.
pose b (k : bool) : R := if k then 2%:R / 3%:R else 3%:R^-1.
have b0 k : 0 < b k by case: k; rewrite /b ?divr_gt0 ?invr_gt0 ?ltr0n.
have b1 : \sum_k b k = 1 by rewrite big_bool /= /b; field.
pose f k := lg E (b k).
have qE k : softmax E f k = b k.
  rewrite /softmax /f lgK // (eq_bigr b) ?b1 ?divr1 //.
  by move=> m _; rewrite lgK.
move/(_ _ f b (fun _ => 0) 1 1 ltr01 ltr01 b0 b1) => /= wrong.
have [_ stat] := stationary E f (fun _ => 0) (lt0r_neq0 ltr01) ltr01 b0.
have tilt k : softmax E f k = tilted E 1 b (fun _ => 0) k.
  by rewrite qE /tilted -mulr_suml b1 mul1r mul0r ex0 mulr1 divr1.
have := wrong (stat tilt) true false erefl; rewrite !qE => /eqP.
rewrite -[X in _ == X]mul1r (inj_eq (mulIf _)) ?invr_eq0 ?pnatr_eq0 //.
by rewrite (eqr_nat R 2 1).
Qed.
