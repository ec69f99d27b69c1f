(** Theorem 3.1: supervised fine-tuning memorises co-occurrence.

    A table gives the logits of the next node for every target [i] and current node [j].  The loss
    of a data set is a sum over the rows (target, current), and only the counts N(i, j, k) of the
    next nodes enter it.  In one row: no logits have a loss below that of the frequencies
    N / sum N; the bound is approached as closely as one likes; the square of the distance to the
    frequencies is at most a multiple of the loss in excess of the bound.  So along every
    minimising sequence of tables, the policy of every visited row tends to the frequencies.
    Rows without counts are free.

    The paper (arXiv 2509.22613) says that the optimal solution has these frequencies.  No finite
    logits attain them unless every count of every visited row is positive, hence never in data
    without self-loops: that is why the statement here is about minimising sequences.

    Left out: that gradient descent makes a minimising sequence; transformers (only tables are
    considered); the end token (the softmax runs over the nodes, and the loss counts the steps of
    the paths alone).  Nothing is said about numbers but the properties in [exponential], so the
    wrong versions are refuted for whatever has them. *)
From mathcomp Require Import all_ssreflect all_algebra ring.
From Planning Require Import Exponential.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** * One row *)

(** [N k]: how often the data go to [k] from here; any weights [>= 0] will do. *)
Definition total (R : realFieldType) (V : finType) (N : V -> R) : R := \sum_k N k.

(** The row is visited: counts are not negative, and not all of them are 0. *)
Definition counts (R : realFieldType) (V : finType) (N : V -> R) : Prop :=
  (forall k, 0 <= N k) /\ 0 < total N.

Definition frequency (R : realFieldType) (V : finType) (N : V -> R) (k : V) : R :=
  N k / total N.

(** What the row with logits [f] adds to the loss of the data. *)
Definition row_loss (R : realFieldType) (E : exponential R) (V : finType) (N f : V -> R) : R :=
  - \sum_k N k * lg E (softmax E f k).

(** The loss of the frequencies; next nodes that do not occur count 0. *)
Definition bound (R : realFieldType) (E : exponential R) (V : finType) (N : V -> R) : R :=
  - \sum_(k | 0 < N k) N k * lg E (frequency N k).

(** No logits are better than the frequencies, and only those with the same policy are as good. *)
Definition frequencies_are_least : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (N : V -> R), counts N ->
  forall f : V -> R,
    bound E N <= row_loss E N f /\
    (row_loss E N f = bound E N <-> forall k, softmax E f k = frequency N k).

(** A small excess over the bound means a policy near the frequencies. *)
Definition near_minimum_near_frequencies : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (N : V -> R), counts N ->
  forall (f : V -> R) (k : V),
    total N * (softmax E f k - frequency N k) ^+ 2 <= 4%:R * (row_loss E N f - bound E N).

(** The bound is the greatest one: logits come as close to it as one likes. *)
Definition bound_is_infimum : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (N : V -> R), counts N ->
  forall e : R, 0 < e -> exists f : V -> R, row_loss E N f <= bound E N + e.

(** Some logits are best iff every next node occurs. *)
Definition minimiser_exists : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (N : V -> R), counts N ->
  ((exists f : V -> R, forall g : V -> R, row_loss E N f <= row_loss E N g)
   <-> forall k, 0 < N k).

(** * The table *)

(** The steps (from, to) of the path [u] that starts at [s]. *)
Definition steps (V : finType) (s : V) (u : seq V) : seq (V * V) := zip (s :: u) u.

(** The data: targets, sources and paths.  [seen] lists (target, current, next). *)
Definition seen (V : finType) (data : seq (V * V * seq V)) : seq (V * V * V) :=
  flatten [seq [seq (d.1.1, st.1, st.2) | st <- steps d.1.2 d.2] | d <- data].

(** How often the data go to [k] from [j] toward [i]. *)
Definition occurrences (V : finType) (data : seq (V * V * seq V)) (i j k : V) : nat :=
  count_mem (i, j, k) (seen data).

(** The same, as numbers of the field. *)
Definition row (R : realFieldType) (V : finType) (data : seq (V * V * seq V)) (i j : V) : V -> R :=
  fun k => (occurrences data i j k)%:R.

Definition visited (V : finType) (data : seq (V * V * seq V)) (i j : V) : Prop :=
  exists k, (0 < occurrences data i j k)%N.

(** Minus the log-probability of every step of every path. *)
Definition sft_loss (R : realFieldType) (E : exponential R) (V : finType)
  (data : seq (V * V * seq V)) (f : V -> V -> V -> R) : R :=
  - \sum_(d <- data) \sum_(st <- steps d.1.2 d.2) lg E (softmax E (f d.1.1 st.1) st.2).

(** The loss of a data set is the sum of its rows' losses, whose counts are those of the data. *)
Definition loss_is_a_sum_over_rows : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (data : seq (V * V * seq V))
    (f : V -> V -> V -> R),
  sft_loss E data f = \sum_i \sum_j row_loss E (row R data i j) (f i j).

(** The loss does not see the logits of the rows that the data do not visit. *)
Definition unvisited_rows_are_free : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (data : seq (V * V * seq V))
    (f g : V -> V -> V -> R),
  (forall i j, visited data i j -> forall k, f i j k = g i j k) ->
  sft_loss E data f = sft_loss E data g.

(** [f 0], [f 1], ... is minimising if no table stays better by a fixed amount. *)
Definition minimising (R : realFieldType) (E : exponential R) (V : finType)
  (data : seq (V * V * seq V)) (f : nat -> V -> V -> V -> R) : Prop :=
  forall e : R, 0 < e -> exists n0 : nat, forall n : nat, (n0 <= n)%N ->
    forall g, sft_loss E data (f n) <= sft_loss E data g + e.

(** There are tables as near to the least loss as one likes. *)
Definition near_best_tables_exist : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (data : seq (V * V * seq V))
    (e : R), 0 < e -> exists f, forall g, sft_loss E data f <= sft_loss E data g + e.

(** Theorem 3.1: in visited rows the policy tends to the frequencies. *)
Definition minimising_sequences_converge : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (data : seq (V * V * seq V))
    (f : nat -> V -> V -> V -> R), minimising E data f ->
  forall i j, visited data i j -> forall k (e : R), 0 < e ->
    exists n0 : nat, forall n : nat, (n0 <= n)%N ->
      `|softmax E (f n i j) k - frequency (row R data i j) k| <= e.

(** A best table exists iff in every visited row every next node occurs. *)
Definition best_table_exists : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (data : seq (V * V * seq V)),
  (exists f, forall g, sft_loss E data f <= sft_loss E data g)
  <-> (forall i j, visited data i j -> forall k, (0 < occurrences data i j k)%N).

(** Hence never, if no path of the data stays where it is. *)
Definition no_self_loops_no_best_table : Prop :=
  forall (R : realFieldType) (E : exponential R) (V : finType) (data : seq (V * V * seq V)),
  seen data != [::] -> (forall i j, occurrences data i j j = 0%N) ->
  ~ exists f, forall g, sft_loss E data f <= sft_loss E data g.

(** * Wrong versions, each about one exponential *)

(** Legality decides: if every next node occurs, however rarely, the uniform policy is best. *)
Definition wrong_legality_decides (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (N : V -> R), (forall k, 0 < N k) ->
  forall f : V -> R, (forall k, softmax E f k = 1 / #|V|%:R) ->
  forall g : V -> R, row_loss E N f <= row_loss E N g.

(** A best table of finite logits always exists. *)
Definition wrong_best_table_exists (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (data : seq (V * V * seq V)),
  exists f, forall g, sft_loss E data f <= sft_loss E data g.

(** Transitivity: paths from [a] to [b] and from [b] to [c] in the data teach a table, once its
    loss is near enough to the least, to step to [b] from [a] toward [c], at least as often as by
    chance. *)
Definition wrong_transitivity (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (data : seq (V * V * seq V)) (a b c : V),
  (b, a, [:: b]) \in data -> (c, b, [:: c]) \in data ->
  exists e : R, 0 < e /\
    forall f, (forall g, sft_loss E data f <= sft_loss E data g + e) ->
      1 / #|V|%:R <= softmax E (f c a) b.

(** The distance itself, not its square, is bounded by the excess. *)
Definition wrong_distance_unsquared (R : realFieldType) (E : exponential R) : Prop :=
  forall (V : finType) (N : V -> R), counts N -> forall (f : V -> R) (k : V),
    total N * `|softmax E f k - frequency N k| <= row_loss E N f - bound E N.

(** * Proofs *)

Section Row.
Variables (R : realFieldType) (E : exponential R) (V : finType).
Implicit Types (N f g q : V -> R) (k : V) (x e : R).

Lemma lg_mono x y : 0 < x -> x <= y -> lg E x <= lg E y.
Proof.
move=> px le; have py := lt_le_trans px le; rewrite leNgt; apply/negP => /(ex_lt E).
by rewrite !lgK // ltNge le.
Qed.

(** With the square root [y] of [x]: what [x - 1] has in excess of the logarithm. *)
Lemma lg_gap x : 0 < x -> exists y, [/\ 0 < y, y * y = x & (y - 1) ^+ 2 <= x - 1 - lg E x].
Proof.
move=> px; pose y := E (lg E x / 2%:R); have py : 0 < y by apply: ex_gt0.
have sq : y * y = x by rewrite /y -exD -splitr lgK.
exists y; split=> //; have := lg_le E py.
rewrite -sq lgM // => le.
by rewrite -subr_ge0 (_ : _ - _ = 2%:R * (y - 1 - lg E y)) ?mulr_ge0 ?ler0n ?subr_ge0 //; ring.
Qed.

Lemma softmax_le1 f k : softmax E f k <= 1.
Proof.
rewrite -(softmax_sum E f k) (bigD1 k) //= ler_addl.
by apply: sumr_ge0 => m _; apply/ltW/softmax_gt0.
Qed.

Lemma softmax_lg q : (forall k, 0 < q k) -> \sum_k q k = 1 ->
  forall k, softmax E (fun m => lg E (q m)) k = q k.
Proof.
move=> pos one k; rewrite /softmax lgK // (eq_bigr q) ?one ?divr1 //.
by move=> m _; rewrite lgK.
Qed.

Lemma frequency_sum N : 0 < total N -> \sum_k frequency N k = 1.
Proof. by move=> pos; rewrite -mulr_suml divff // lt0r_neq0. Qed.

Lemma frequency_ge0 N k : counts N -> 0 <= frequency N k.
Proof. by case=> ge0 pos; rewrite divr_ge0 // ltW. Qed.

Lemma frequency_gt0 N k : counts N -> 0 < N k -> 0 < frequency N k.
Proof. by case=> ge0 pos Nk; rewrite divr_gt0. Qed.

Lemma frequency_le1 N k : counts N -> frequency N k <= 1.
Proof.
move=> cN; case: (cN) => _ pos; rewrite -(frequency_sum pos) (bigD1 k) //= ler_addl.
by apply: sumr_ge0 => m _; apply: frequency_ge0.
Qed.

(** The excess over the bound, node by node. *)
Definition excess N f k : R :=
  if 0 < N k
  then N k * (softmax E f k / frequency N k - 1 - lg E (softmax E f k / frequency N k))
  else total N * softmax E f k.

Lemma positive_part N : (forall k, 0 <= N k) ->
  forall F : V -> R, \sum_k N k * F k = \sum_(k | 0 < N k) N k * F k.
Proof.
move=> ge0 F; rewrite (bigID (fun k => 0 < N k)) /= [X in _ + X]big1 ?addr0 // => k.
by rewrite lt_neqAle ge0 andbT negbK => /eqP<-; rewrite mul0r.
Qed.

Lemma excessE N f : counts N -> row_loss E N f - bound E N = \sum_k excess N f k.
Proof.
move=> cN; case: (cN) => ge0 pos; have [k0 _] : exists k : V, true.
  case: (pickP (fun _ : V => true)) => [k _|none]; first by exists k.
  by move: pos; rewrite /total big_pred0 ?ltxx.
have T0 := lt0r_neq0 pos.
transitivity (\sum_k (excess N f k + (N k - total N * softmax E f k))); last first.
  rewrite big_split /= sumrB -mulr_sumr (softmax_sum E f k0) mulr1.
  by rewrite -/(total N) subrr addr0.
rewrite /row_loss positive_part // /bound opprK addrC -sumrB [RHS](bigID (fun k => 0 < N k)) /=.
rewrite [X in _ + X]big1 ?addr0.
  apply: eq_bigr => k Nk; rewrite /excess Nk.
  have p0 := frequency_gt0 cN Nk; have q0 := softmax_gt0 E f k.
  rewrite lgM ?invr_gt0 // lgV //.
  have -> : total N * softmax E f k = N k * (softmax E f k / frequency N k).
    rewrite /frequency; have N0 := lt0r_neq0 Nk.
    by field; apply/andP.
  ring.
move=> k Nk; rewrite /excess (negbTE Nk).
move: Nk; rewrite lt_neqAle ge0 andbT negbK => /eqP<-; ring.
Qed.

(** Each node alone bounds its distance to the frequency. *)
Lemma excess_ge N f k : counts N ->
  total N * (softmax E f k - frequency N k) ^+ 2 <= 4%:R * excess N f k.
Proof.
move=> cN; case: (cN) => ge0 pos; rewrite /excess.
have q0 := softmax_gt0 E f k; have q1 := softmax_le1 f k.
case: ifP => Nk; last first.
  have -> : frequency N k = 0.
    move/negbT: Nk; rewrite lt_neqAle ge0 andbT negbK /frequency => /eqP<-.
    by rewrite mul0r.
  rewrite subr0 [X in _ <= X]mulrCA ler_pmul2l // expr2 -[4%:R]/(1 + 3%:R) mulrDl mul1r.
  apply: (@le_trans _ _ (softmax E f k)); first by rewrite ger_pmull.
  by rewrite ler_addl mulr_ge0 ?ler0n // ltW.
have p0 := frequency_gt0 cN Nk; have p1 := frequency_le1 k cN.
set q := softmax E f k in q0 q1 *; set p := frequency N k in p0 p1 *.
have [y [y0 sq gap]] := lg_gap (divr_gt0 q0 p0).
have qE : q = p * (y * y) by rewrite sq mulrCA divff ?mulr1 // lt0r_neq0.
have NE : N k = p * total N by rewrite /p /frequency divfK // lt0r_neq0.
apply: (@le_trans _ _ (4%:R * (N k * (y - 1) ^+ 2))); last first.
  by rewrite ler_pmul2l ?ltr0n // ler_pmul2l.
have small : p * (y + 1) ^+ 2 <= 4%:R.
  have -> : 4%:R = 2%:R * (1 + 1) :> R by ring.
  apply: (@le_trans _ _ (2%:R * (q + p))); last by rewrite ler_pmul2l ?ltr0n ?ler_add.
  rewrite qE -subr_ge0 (_ : _ - _ = p * (y - 1) ^+ 2); last by ring.
  by rewrite mulr_ge0 ?sqr_ge0 // ltW.
rewrite NE qE (_ : total N * _ = (p * (y + 1) ^+ 2) * (p * total N * (y - 1) ^+ 2)); last by ring.
by rewrite ler_wpmul2r // mulr_ge0 ?sqr_ge0 // mulr_ge0 ?ltW.
Qed.

Lemma excess_ge0 N f k : counts N -> 0 <= excess N f k.
Proof.
move=> cN; case: (cN) => ge0 pos; rewrite -(@pmulr_rge0 _ 4%:R) ?ltr0n //.
by apply: le_trans (excess_ge f k cN); rewrite mulr_ge0 ?sqr_ge0 // ltW.
Qed.

Lemma excess_le N f k : counts N -> excess N f k <= row_loss E N f - bound E N.
Proof.
move=> cN; rewrite excessE // (bigD1 k) //= ler_addl.
by apply: sumr_ge0 => m _; apply: excess_ge0.
Qed.

Lemma bound_le N f : counts N -> bound E N <= row_loss E N f.
Proof.
by move=> cN; rewrite -subr_ge0 excessE //; apply: sumr_ge0 => m _; apply: excess_ge0.
Qed.

Lemma near N f k : counts N ->
  total N * (softmax E f k - frequency N k) ^+ 2 <= 4%:R * (row_loss E N f - bound E N).
Proof.
move=> cN; apply: le_trans (excess_ge f k cN) _.
by rewrite ler_pmul2l ?ltr0n // excess_le.
Qed.

Lemma at_bound N f : counts N ->
  row_loss E N f = bound E N -> forall k, softmax E f k = frequency N k.
Proof.
move=> cN same k; have := near f k cN; rewrite same subrr mulr0.
case: cN => _ pos; rewrite pmulr_rle0 // => le0; apply/eqP; rewrite -subr_eq0.
by rewrite -sqrf_eq0 eq_le le0 sqr_ge0.
Qed.

Lemma at_frequency N f : counts N ->
  (forall k, softmax E f k = frequency N k) -> row_loss E N f = bound E N.
Proof.
case=> ge0 _ same; rewrite /row_loss positive_part //; congr (- _).
by apply: eq_bigr => k _; rewrite same.
Qed.

(** A little of the uniform policy makes every node possible at little cost. *)
Lemma infimum N e : counts N -> 0 < e -> exists f, row_loss E N f <= bound E N + e.
Proof.
move=> cN e0; case: (cN) => ge0 pos; have T0 := lt0r_neq0 pos.
have n0 : #|V|%:R != 0 :> R.
  rewrite pnatr_eq0 -lt0n; case: (posnP #|V|) => // /card0_eq none.
  by move: pos; rewrite /total big_pred0 ?ltxx.
have n1 : 0 < #|V|%:R :> R by rewrite lt0r n0 ler0n.
have eT : 0 < e + total N by rewrite addr_gt0.
pose s := total N / (e + total N); pose t := e / (e + total N) / #|V|%:R.
have s0 : 0 < s by rewrite divr_gt0.
have t0 : 0 < t by rewrite !divr_gt0.
pose q k := s * frequency N k + t.
have q0 k : 0 < q k by rewrite ltr_paddl // mulr_ge0 ?frequency_ge0 // ltW.
have q1 : \sum_k q k = 1.
  rewrite big_split /= -mulr_sumr frequency_sum // mulr1 sumr_const -mulr_natr.
  by rewrite /t divfK // -mulrDl addrC divff // lt0r_neq0.
have cost : - (e / total N) <= lg E s.
  rewrite -[s]invrK lgV ?invr_gt0 // ler_opp2.
  apply: le_trans (lg_le E _) _; rewrite ?invr_gt0 // /s invfM invrK.
  by rewrite mulrC mulrDl divff // addrK.
exists (fun k => lg E (q k)); rewrite /row_loss positive_part // /bound.
rewrite ler_oppl opprD opprK.
have -> : e = \sum_(k | 0 < N k) N k * (e / total N).
  rewrite -(positive_part ge0 (fun _ => e / total N)) -mulr_suml -/(total N).
  by rewrite mulrC divfK.
rewrite -sumrB; apply: ler_sum => k Nk; rewrite -mulrBr ler_pmul2l // softmax_lg //.
have p0 := frequency_gt0 cN Nk.
apply: le_trans (lg_mono (mulr_gt0 s0 p0) _); last by rewrite /q ler_addl ltW.
by rewrite (lgM E s0 p0) addrC ler_add2r.
Qed.

Lemma least_at_bound N f e : counts N -> 0 <= e ->
  (forall g, row_loss E N f <= row_loss E N g + e) -> row_loss E N f <= bound E N + e.
Proof.
move=> cN e0 least; rewrite leNgt; apply/negP => more.
pose c := (row_loss E N f - (bound E N + e)) / 2%:R.
have c0 : 0 < c by rewrite divr_gt0 ?ltr0n ?subr_gt0.
have [g le] := infimum cN c0; have := le_trans (least g) (ler_add le (lexx e)).
have {1}-> : row_loss E N f = bound E N + c + e + c by rewrite /c; field; rewrite ?pnatr_eq0.
by rewrite ger_addl leNgt c0.
Qed.

Lemma frequencies_attain N : counts N -> (forall k, 0 < N k) ->
  row_loss E N (fun k => lg E (N k)) = bound E N.
Proof.
move=> cN pos; apply: at_frequency => // k; rewrite /softmax /frequency lgK //.
by congr (_ / _); apply: eq_bigr => m _; rewrite lgK.
Qed.

Lemma least_positive N f : counts N ->
  (forall g, row_loss E N f <= row_loss E N g) -> forall k, 0 < N k.
Proof.
move=> cN least k; case: (cN) => ge0 pos.
have same : row_loss E N f = bound E N.
  apply/le_anti; rewrite bound_le // andbT -[bound E N]addr0; apply: least_at_bound => // g.
  by rewrite addr0.
have := softmax_gt0 E f k; rewrite (at_bound cN same) /frequency.
by rewrite pmulr_lgt0 ?invr_gt0.
Qed.
End Row.

Theorem frequencies_are_least_holds : frequencies_are_least.
Proof.
move=> R E V N cN f; split; first exact: bound_le.
by split; [exact: at_bound | exact: at_frequency].
Qed.

Theorem near_minimum_near_frequencies_holds : near_minimum_near_frequencies.
Proof. by move=> R E V N cN f k; apply: near. Qed.

Theorem bound_is_infimum_holds : bound_is_infimum.
Proof. by move=> R E V N cN e; apply: infimum. Qed.

Theorem minimiser_exists_holds : minimiser_exists.
Proof.
move=> R E V N cN; split=> [[f least]|pos]; first exact: least_positive least.
by exists (fun k => lg E (N k)) => g; rewrite frequencies_attain // bound_le.
Qed.

Section Table.
Variables (R : realFieldType) (E : exponential R) (V : finType) (data : seq (V * V * seq V)).
Implicit Types (f g : V -> V -> V -> R) (h : V -> R) (i j k : V).

Lemma sum_count (T : finType) (s : seq T) (F : T -> R) :
  \sum_(x <- s) F x = \sum_x (count_mem x s)%:R * F x.
Proof.
elim: s => [|y s IH]; first by rewrite big_nil big1 // => x _; rewrite mul0r.
rewrite big_cons IH /=.
under [RHS]eq_bigr => x _ do rewrite natrD mulrDl.
rewrite big_split /= [X in _ = X + _](bigD1 y) //= eqxx mul1r [X in _ + X + _]big1 ?addr0 //.
by move=> x /negbTE other; rewrite eq_sym other mul0r.
Qed.

Lemma loss_rows f :
  sft_loss E data f = \sum_i \sum_j row_loss E (row R data i j) (f i j).
Proof.
pose F (x : V * V * V) := lg E (softmax E (f x.1.1 x.1.2) x.2).
have -> : sft_loss E data f = - \sum_(x <- seen data) F x.
  rewrite /sft_loss /seen big_flatten big_map; congr (- _).
  by apply: eq_bigr => d _; rewrite big_map.
rewrite (sum_count (seen data)) pair_bigA /row_loss sumrN pair_bigA.
by congr (- _); apply: eq_bigr => -[[i j] k].
Qed.

Lemma visited_counts i j : visited data i j -> counts (row R data i j).
Proof.
case=> k pos; split=> [m|]; first exact: ler0n.
rewrite /total (bigD1 k) //= ltr_paddr ?ltr0n //.
by apply: sumr_ge0 => m _; apply: ler0n.
Qed.

Lemma visitedP i j : visited data i j \/ forall k, occurrences data i j k = 0%N.
Proof.
case: (pickP (fun k => 0 < occurrences data i j k)%N) => [k pos|none]; first by left; exists k.
by right=> k; apply/eqP; move: (none k); rewrite lt0n => /negbFE.
Qed.

Lemma unvisited_loss i j h : (forall k, occurrences data i j k = 0%N) ->
  row_loss E (row R data i j) h = 0.
Proof. by move=> none; rewrite /row_loss big1 ?oppr0 // => k _; rewrite /row none mul0r. Qed.

Lemma row_loss_ext (N h h' : V -> R) : h =1 h' -> row_loss E N h = row_loss E N h'.
Proof.
move=> same; congr (- _); apply: eq_bigr => k _; congr (_ * lg E (_ / _)); first by rewrite same.
by apply: eq_bigr => m _; rewrite same.
Qed.

Lemma unvisited_free f g : (forall i j, visited data i j -> forall k, f i j k = g i j k) ->
  sft_loss E data f = sft_loss E data g.
Proof.
move=> same; rewrite !loss_rows; apply: eq_bigr => i _; apply: eq_bigr => j _.
case: (visitedP i j) => [vis|none]; last by rewrite !unvisited_loss.
exact: row_loss_ext (same i j vis).
Qed.

(** The table [f] with the row [(i, j)] replaced. *)
Definition swap f i j h : V -> V -> V -> R :=
  fun i' j' => if (i' == i) && (j' == j) then h else f i' j'.

Lemma swap_loss f i j h :
  sft_loss E data f - sft_loss E data (swap f i j h)
  = row_loss E (row R data i j) (f i j) - row_loss E (row R data i j) h.
Proof.
rewrite !loss_rows -sumrB (bigD1 i) //= -sumrB (bigD1 j) //= {1}/swap !eqxx /=.
rewrite !big1 ?addr0 // => [i' /negbTE other|j' /negbTE other]; last first.
  by rewrite /swap other andbF subrr.
by rewrite -sumrB big1 // => j' _; rewrite /swap other subrr.
Qed.

Lemma near_rows f e : (forall g, sft_loss E data f <= sft_loss E data g + e) ->
  forall i j h, row_loss E (row R data i j) (f i j) <= row_loss E (row R data i j) h + e.
Proof.
move=> least i j h; rewrite -ler_subl_addl -swap_loss ler_subl_addl.
exact: least.
Qed.

Lemma near_best e : 0 < e -> exists f, forall g, sft_loss E data f <= sft_loss E data g + e.
Proof.
move=> e0; case: (posnP #|{: V * V}|) => [none|some].
  exists (fun _ _ _ => 0) => g; rewrite (@unvisited_free _ g) ?ler_addl ?ltW // => i j.
  by move/card0_eq: none => /(_ (i, j)).
pose n : R := #|{: V * V}|%:R; have n0 : 0 < n by rewrite ltr0n.
have [f near_f] : exists f : V * V -> V -> R, forall x h,
    row_loss E (row R data x.1 x.2) (f x) <= row_loss E (row R data x.1 x.2) h + e / n.
  have row_near (x : V * V) : exists h' : V -> R, forall h,
      row_loss E (row R data x.1 x.2) h' <= row_loss E (row R data x.1 x.2) h + e / n.
    case: (visitedP x.1 x.2) => [/visited_counts cN|none].
      have [h' le] := infimum E cN (divr_gt0 e0 n0); exists h' => h.
      by apply: le_trans le _; rewrite ler_add2r bound_le.
    by exists (fun _ => 0) => h; rewrite !unvisited_loss // add0r ltW // divr_gt0.
  exact: fin_all_exists row_near.
exists (fun i j => f (i, j)) => g; rewrite !loss_rows !pair_bigA /=.
have -> : e = \sum_(x : V * V) e / n.
  by rewrite sumr_const -mulr_natr divfK // lt0r_neq0.
by rewrite -big_split; apply: ler_sum => -[i j] _; apply: near_f.
Qed.
End Table.

Theorem loss_is_a_sum_over_rows_holds : loss_is_a_sum_over_rows.
Proof. by move=> R E V data f; apply: loss_rows. Qed.

Theorem unvisited_rows_are_free_holds : unvisited_rows_are_free.
Proof. by move=> R E V data f g; apply: unvisited_free. Qed.

Theorem near_best_tables_exist_holds : near_best_tables_exist.
Proof. by move=> R E V data e; apply: near_best. Qed.

Theorem minimising_sequences_converge_holds : minimising_sequences_converge.
Proof.
move=> R E V data f least i j /(visited_counts R) cN k e e0; case: (cN) => _ pos.
have c0 : 0 < total (row R data i j) * e ^+ 2 / 4%:R.
  by rewrite divr_gt0 ?ltr0n // mulr_gt0 // exprn_gt0.
have [n0 after] := least _ c0; exists n0 => n /after /near_rows near_row.
have close := least_at_bound cN (ltW c0) (near_row i j).
rewrite -(@ler_pexpn2r _ 2) ?nnegrE ?normr_ge0 ?(ltW e0) // real_normK ?num_real //.
rewrite -(ler_pmul2l pos); apply: le_trans (near E _ k cN) _.
by rewrite -ler_pdivl_mull ?ltr0n // mulrC ler_subl_addl.
Qed.

Theorem best_table_exists_holds : best_table_exists.
Proof.
move=> R E V data; split=> [[f least] i j vis k|pos].
  rewrite -(ltr0n R); apply: (@least_positive R E V _ (f i j) (visited_counts R vis)) => h.
  by rewrite -[X in _ <= X]addr0; apply: near_rows => g; rewrite addr0.
exists (fun i j k => lg E (row R data i j k)) => g; rewrite !loss_rows.
apply: ler_sum => i _; apply: ler_sum => j _.
case: (visitedP data i j) => [vis|none]; last by rewrite !unvisited_loss.
have cN := visited_counts R vis; rewrite frequencies_attain ?bound_le // => k.
by rewrite ltr0n pos.
Qed.

Theorem no_self_loops_no_best_table_holds : no_self_loops_no_best_table.
Proof.
move=> R E V data some loopless /best_table_exists_holds all_pos.
case E1: (seen data) some => [//|[[i j] k] s] _.
have vis : visited data i j by exists k; rewrite /occurrences E1 /= eqxx.
by have := all_pos i j vis j; rewrite loopless.
Qed.

(** * The wrong versions fail *)

Lemma softmax_const (R : realFieldType) (E : exponential R) (V : finType) (k : V) :
  softmax E (fun _ => 0) k = 1 / #|V|%:R.
Proof. by rewrite /softmax sumr_const ex0. Qed.

(** Counts 2 and 1: the frequencies are two thirds and one third. *)
Theorem wrong_legality_decides_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_legality_decides E.
Proof.
pose N (b : bool) : R := if b then 2%:R else 1.
have pos b : 0 < N b by case: b; [rewrite /N ltr0n | exact: ltr01].
have cN : counts N.
  by split=> [b|]; [exact: ltW | rewrite /total big_bool addr_gt0].
move/(_ _ N pos _ (@softmax_const _ E _) (fun b => lg E (N b))).
rewrite frequencies_attain // => le.
have same : row_loss E N (fun _ => 0) = bound E N by apply/le_anti; rewrite le bound_le.
have := at_bound cN same false; rewrite softmax_const card_bool /frequency /total big_bool /N.
move/eqP; rewrite !div1r (inj_eq invr_inj) -[X in X == _]addr0 (inj_eq (addrI _)).
by rewrite eq_sym oner_eq0.
Qed.

(** One path of one step. *)
Theorem wrong_best_table_exists_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_best_table_exists E.
Proof.
move/(_ _ [:: (true, false, [:: true])]); apply: no_self_loops_no_best_table_holds => //.
by case; case.
Qed.

(** Nothing in the data is about going from [a] toward [c]: that row can hold anything. *)
Theorem wrong_transitivity_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_transitivity E.
Proof.
pose a : 'I_3 := ord0; pose b : 'I_3 := lift ord0 ord0; pose c : 'I_3 := ord_max.
pose data : seq ('I_3 * 'I_3 * seq 'I_3) := [:: (b, a, [:: b]); (c, b, [:: c])].
move/(_ _ data a b c); rewrite !inE !eqxx orbT /= => /(_ isT isT) [e [e0 taught]].
have [f least] := near_best E data e0.
pose h (k : 'I_3) : R := lg E (if k == b then 1 else 2%:R).
have := taught (swap f c a h) _; rewrite {2}/swap !eqxx /=.
have -> : softmax E h b = 1 / 5%:R.
  have hE k : E (h k) = if k == b then 1 else 2%:R.
    by rewrite /h lgK //; case: ifP; rewrite ?ltr01 ?ltr0n.
  rewrite /softmax (bigD1 b) //= hE eqxx (eq_bigr (fun _ => 2%:R)) => [|k /negbTE other].
    by rewrite sumr_const cardC1 card_ord -mulrnA -(natrD _ 1 4).
  by rewrite hE other.
rewrite card_ord !div1r lef_pinv ?posrE ?ltr0n // ler_nat.
suff same g : sft_loss E data (swap f c a h) <= sft_loss E data g + e by move/(_ same).
apply: le_trans (least g); rewrite (@unvisited_free _ E _ data _ f) // => i j [k].
by rewrite /swap; case: andP => // -[/eqP-> /eqP->].
Qed.

(** Counts 1 and 1, policy three quarters and one quarter: the distance is a quarter, so twice it
    is a half; the excess is the logarithm of four thirds, at most a third. *)
Theorem wrong_distance_unsquared_fails (R : realFieldType) (E : exponential R) :
  ~ wrong_distance_unsquared E.
Proof.
pose N (_ : bool) : R := 1.
pose q (k : bool) : R := if k then 3%:R / 4%:R else 4%:R^-1.
have q0 k : 0 < q k by case: k; rewrite /q ?divr_gt0 ?invr_gt0 ?ltr0n.
have q1 : \sum_k q k = 1 by rewrite big_bool /q /=; field.
have cN : counts N.
  by split=> [b|]; [exact: ler01 | rewrite /total big_bool addr_gt0 ?ltr01].
have T2 : total N = 2%:R by rewrite /total big_bool (natrD R 1 1).
have half k : frequency N k = 2%:R^-1 by rewrite /frequency T2 div1r.
move/(_ _ N cN (fun k => lg E (q k)) true); rewrite T2 half /row_loss /bound.
have ge0 b : 0 <= N b by apply: ler01.
have [p1 p2 p3 p4] : [/\ 0 < 4%:R / 3%:R :> R, 0 < 3%:R / 4%:R :> R, 0 < 4%:R^-1 :> R
    & 0 < 2%:R^-1 :> R] by rewrite !divr_gt0 ?invr_gt0 ?ltr0n.
rewrite -(positive_part ge0) !big_bool /= !half !softmax_lg // /N !mul1r /q -!lgM //.
have -> : 2%:R^-1 * 2%:R^-1 = 4%:R / 3%:R * (3%:R / 4%:R * 4%:R^-1) :> R by field.
rewrite (lgM E p1 (mulr_gt0 p2 p3)) opprK [- _ + _]addrC addrK => le.
have := le_trans le (lg_le E p1).
have -> : 3%:R / 4%:R - 2%:R^-1 = 4%:R^-1 :> R by field.
have -> : 4%:R / 3%:R - 1 = 3%:R^-1 :> R by field.
rewrite ger0_norm ?(ltW p3) // (_ : 2%:R * _ = 2%:R^-1); last by field.
by rewrite lef_pinv ?posrE ?ltr0n // ler_nat.
Qed.
