(** Limits of sequences, said by distances: what of them holds in any ordered field. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The numbers [x t] tend to [l]. *)
Definition tends (R : realFieldType) (x : nat -> R) (l : R) : Prop :=
  forall eps, 0 < eps -> exists T : nat, forall t, (T <= t)%N -> `|x t - l| <= eps.

Section Tends.
Variable R : realFieldType.
Implicit Types (x y : nat -> R) (a b : R).

Lemma tends_const a : tends (fun=> a) a.
Proof. by move=> eps eps0; exists 0%N => t _; rewrite subrr normr0 ltW. Qed.

Lemma tends_ext x y a b : (forall t, x t = y t) -> a = b -> tends x a -> tends y b.
Proof.
by move=> same <- near eps /near[T close]; exists T => t late; rewrite -same close.
Qed.

Lemma tendsN x a : tends x a -> tends (fun t => - x t) (- a).
Proof.
by move=> xa eps /xa[T near]; exists T => t late; rewrite -opprD normrN near.
Qed.

Lemma tendsD x y a b : tends x a -> tends y b -> tends (fun t => x t + y t) (a + b).
Proof.
move=> xa yb eps eps0; have half : 0 < eps / 2%:R by rewrite divr_gt0 ?ltr0n.
have [T near_x] := xa _ half; have [U near_y] := yb _ half.
exists (maxn T U) => t; rewrite geq_max => /andP[late_T late_U].
rewrite opprD addrACA [X in _ <= X]splitr; apply: le_trans (ler_norm_add _ _) _.
by rewrite ler_add ?near_x ?near_y.
Qed.

Lemma tendsM x y a b : tends x a -> tends y b -> tends (fun t => x t * y t) (a * b).
Proof.
move=> xa yb eps eps0; pose B := 1 + `|a| + `|b|.
have B0 : 0 < B by rewrite /B -addrA ltr_paddr ?ltr01 // addr_ge0.
pose d := Num.min 1 (eps / B); have d0 : 0 < d by rewrite lt_minr ltr01 divr_gt0.
have [T near_x] := xa _ d0; have [U near_y] := yb _ d0.
exists (maxn T U) => t; rewrite geq_max => /andP[/near_x close_x /near_y close_y].
have -> : x t * y t - a * b = (x t - a) * (y t - b) + a * (y t - b) + (x t - a) * b by ring.
apply: le_trans (_ : d + `|a| * d + d * `|b| <= _); last first.
  have -> : d + `|a| * d + d * `|b| = d * B by rewrite /B; ring.
  by rewrite -ler_pdivl_mulr // le_minl lexx orbT.
apply: le_trans (ler_norm_add _ _) _; rewrite ler_add //; last by rewrite normrM ler_wpmul2r.
apply: le_trans (ler_norm_add _ _) _; rewrite ler_add ?normrM //; last by rewrite ler_wpmul2l.
rewrite -[X in _ <= X]mulr1 ler_pmul //; apply: le_trans close_y _.
by rewrite le_minl lexx.
Qed.

Lemma tends_sum (I : finType) (x : I -> nat -> R) (l : I -> R) :
  (forall m, tends (x m) (l m)) -> tends (fun t => \sum_m x m t) (\sum_m l m).
Proof.
move=> each; elim: (index_enum I) => [|m ms IH].
  move=> eps eps0; exists 0%N => t _.
  by rewrite !big_nil subrr normr0 ltW.
move=> eps eps0; have [T near] := tendsD (each m) IH eps0; exists T => t late.
by rewrite !big_cons near.
Qed.

Lemma tends_uniq x a b : tends x a -> tends x b -> a = b.
Proof.
move=> xa xb; apply/eqP; rewrite -subr_eq0 -normr_le0 leNgt; apply/negP => apart.
have e0 : 0 < `|a - b| / 3%:R by rewrite divr_gt0 ?ltr0n.
have [T near_a] := xa _ e0; have [U near_b] := xb _ e0.
have := near_a _ (leq_maxl T U); have := near_b _ (leq_maxr T U); set z := x _ => zb za.
have : `|a - b| <= `|a - b| / 3%:R + `|a - b| / 3%:R.
  have -> : a - b = (a - z) + (z - b) by ring.
  have sum : (a - z) + (z - b) = a - b by ring.
  by apply: le_trans (ler_norm_add _ _) _; rewrite sum ler_add // distrC.
set e := `|a - b| in e0 apart *; have three : e = e / 3%:R + e / 3%:R + e / 3%:R by field.
by rewrite {1}three ger_addl leNgt e0.
Qed.

Lemma tends_ge x a c : tends x a -> (forall t, c <= x t) -> c <= a.
Proof.
move=> xa above; rewrite leNgt; apply/negP => low.
have e0 : 0 < (c - a) / 2%:R by rewrite divr_gt0 ?subr_gt0 ?ltr0n.
have [T /(_ T (leqnn T))] := xa _ e0; have := above T; set z := x T => high.
rewrite ler_distl => /andP[_]; apply/negP; rewrite -ltNge; apply: lt_le_trans high.
by rewrite -ltr_subr_addl {2}[c - a]splitr ltr_addl.
Qed.
End Tends.
