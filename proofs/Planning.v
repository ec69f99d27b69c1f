(** The objects that every proof is about: graphs, correct steps and sequences, values and
    their Bellman equations, policies.  Nothing is proved here but what a maximum is.

    Source: Wang et al., arXiv 2509.22613, sections 3 to 5.  A node is an element of a finite
    type [V], an edge a relation [A], a number an element of any ordered field [R]; one target
    [i] is fixed throughout, since no statement mixes targets but the one on the linear model. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Graph.
Variables (V : finType) (A : rel V).

(** [R[i, k] = 1]: target [i] can be reached from [k] by edges; a node reaches itself. *)
Definition reaches (i k : V) : bool := connect A k i.

(** [k] is in [C(i, j)]: a correct next node. *)
Definition is_next (i j k : V) : bool := A j k && reaches i k.

(** Edges of [G - i], the graph without the target. *)
Definition without (i : V) : rel V := fun j k => [&& A j k, j != i & k != i].

(** A node lies on a cycle, a self-loop included. *)
Definition on_cycle (e : rel V) (x : V) : bool := [exists y, e x y && connect e y x].
Definition acyclic (e : rel V) : bool := [forall x, ~~ on_cycle e x].

(** The steps [s], taken from [j], are a correct sequence: legal, ending at the first visit of [i]. *)
Fixpoint correct (i j : V) (s : seq V) : bool :=
  if s is k :: s' then A j k && (if k == i then s' == [::] else correct i k s') else false.

Section Values.
Variables (R : realFieldType) (i : V).
Implicit Types (f : V -> V -> R) (v : V -> R).

(** The largest value of a row: what the bootstrap reads.  [f j k] is the value of the step from
    [j] to [k] toward [i]. *)
Definition best f (k : V) : R := \big[Num.max/f k i]_(k' : V) f k k'.

(** What a step leads to: 1 at the target, else the largest value of the next row. *)
Definition ahead f (k : V) : R := if k == i then 1 else best f k.

(** Outcome reward (Theorem 5.1): the value of a step onto the target is left free. *)
Definition outcome_fixed f : Prop :=
  forall j k, j != i -> k != i -> f j k = best f k.

(** Process reward (Theorem 5.2). *)
Definition process f : V -> V -> R := fun j k => (A j k)%:R - 1 + ahead f k.
Definition process_fixed f : Prop := forall j k, j != i -> f j k = process f j k.
Definition structure (j k : V) : R := (A j k)%:R + (reaches i k)%:R - 1.

(** Outcome reward in episodes that an illegal step ends. *)
Definition ended f : V -> V -> R := fun j k => if A j k then ahead f k else 0.
Definition ended_fixed f : Prop := forall j k, j != i -> f j k = ended f j k.

(** A noisy judge: legal steps cost [a], illegal ones [b], in expectation. *)
Definition judged (a b : R) f : V -> V -> R :=
  fun j k => ahead f k - (if A j k then a else b).
Definition judged_fixed (a b : R) f : Prop := forall j k, j != i -> f j k = judged a b f j k.

Lemma best_ge f k k' : f k k' <= best f k.
Proof.
rewrite /best; elim: (index_enum V) (mem_index_enum k') => [//|m ms IH].
rewrite inE big_cons le_maxr => /orP[/eqP<-|/IH ->]; first by rewrite lexx.
by rewrite orbT.
Qed.

Lemma best_ext f g k : (forall m, f k m = g k m) -> best f k = best g k.
Proof. by move=> same; rewrite /best same; apply: eq_bigr => m _; rewrite same. Qed.

Lemma best_at f k : exists k', best f k = f k k'.
Proof.
rewrite /best; elim/big_rec: _ => [|k' x _ [m ->]]; first by exists i.
by case: (leP (f k k') (f k m)) => _; [exists m | exists k'].
Qed.

Lemma best_le f k x : (forall k', f k k' <= x) -> best f k <= x.
Proof. by case: (best_at f k) => k' ->. Qed.

Lemma best_eq f k k' : (forall m, f k m <= f k k') -> best f k = f k k'.
Proof. by move=> most; apply/le_anti; rewrite best_ge best_le. Qed.
End Values.
End Graph.
