(** What the theorems need of the exponential and the logarithm, and no more: they hold for
    whatever has these properties, over any ordered field.  [Reals.v] shows that the exponential
    of the real numbers has them. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Record exponential (R : realFieldType) := Exponential {
  ex :> R -> R;
  lg : R -> R;
  ex_gt0 : forall x, 0 < ex x;
  exD : forall x y, ex (x + y) = ex x * ex y;
  ex_ge : forall x, 1 + x <= ex x;
  lgK : forall x, 0 < x -> ex (lg x) = x
}.

Section Exponential.
Variables (R : realFieldType) (E : exponential R).
Implicit Types (x y : R).

Lemma ex0 : E 0 = 1.
Proof.
have := exD E 0 0; rewrite addr0 => /esym twice.
by apply: (mulfI (lt0r_neq0 (ex_gt0 E 0))); rewrite mulr1.
Qed.

Lemma exN x : E (- x) = (E x)^-1.
Proof.
apply: (mulfI (lt0r_neq0 (ex_gt0 E x))).
by rewrite -exD subrr ex0 divff ?lt0r_neq0 ?ex_gt0.
Qed.

Lemma ex_lt x y : x < y -> E x < E y.
Proof.
move=> less; rewrite -[y](subrK x) addrC exD -[X in X < _]mulr1 ltr_pmul2l ?ex_gt0 //.
by apply: (lt_le_trans _ (ex_ge E _)); rewrite ltr_addl subr_gt0.
Qed.

Lemma ex_le x y : x <= y -> E x <= E y.
Proof. by rewrite le_eqVlt => /orP[/eqP-> //|/ex_lt/ltW]. Qed.

Lemma ex_inj : injective E.
Proof. by move=> x y same; case: (ltgtP x y) => // /ex_lt; rewrite same ltxx. Qed.

Lemma exK x : lg E (E x) = x.
Proof. by apply: ex_inj; rewrite lgK ?ex_gt0. Qed.

(** The tangent touches at 0 alone. *)
Lemma ex_gt x : x != 0 -> 1 + x < E x.
Proof.
move=> not0; case: (ltP (1 + x / 2%:R) 0) => [low|high].
  apply: lt_trans (ex_gt0 E x); rewrite -(ltr_pmul2r (_ : 0 < 2%:R^-1)) ?invr_gt0 ?ltr0n //.
  rewrite mul0r; apply: le_lt_trans low; rewrite mulrDl mul1r ler_add2r.
  by rewrite invf_le1 ?ltr0n // (ler_nat R 1 2).
have half : x = x / 2%:R + x / 2%:R by rewrite -mulr2n -mulr_natr divfK ?pnatr_eq0.
rewrite [X in E X]half exD.
apply: lt_le_trans (ler_pmul high high (ex_ge E _) (ex_ge E _)).
rewrite mulrDl mul1r mulrDr mulr1 addrA -(addrA 1) -half ltr_addl.
by rewrite -expr2 exprn_even_gt0 //= mulf_neq0 // invr_neq0 // pnatr_eq0.
Qed.

Lemma lg_lt x : 0 < x -> x != 1 -> lg E x < x - 1.
Proof.
move=> pos not1; rewrite ltr_subr_addl -{2}(lgK E pos); apply: ex_gt.
by apply: contraNneq not1 => zero; rewrite -(lgK E pos) zero ex0.
Qed.

Lemma lg1 : lg E 1 = 0.
Proof. by rewrite -ex0 exK. Qed.

Lemma lg_le x : 0 < x -> lg E x <= x - 1.
Proof.
move=> pos; have [->|not1] := eqVneq x 1; first by rewrite lg1 subrr.
exact: ltW (lg_lt pos not1).
Qed.

Lemma lgM x y : 0 < x -> 0 < y -> lg E (x * y) = lg E x + lg E y.
Proof. by move=> px py; apply: ex_inj; rewrite exD !lgK // mulr_gt0. Qed.

Lemma lgV x : 0 < x -> lg E x^-1 = - lg E x.
Proof. by move=> px; apply: ex_inj; rewrite exN !lgK // invr_gt0. Qed.

(** The policy of a row of logits. *)
Definition softmax (V : finType) (f : V -> R) (k : V) : R := E (f k) / \sum_m E (f m).

Section Softmax.
Variables (V : finType) (f : V -> R).

Lemma sum_ex_gt0 (k : V) : 0 < \sum_m E (f m).
Proof.
rewrite (bigD1 k) //= ltr_paddr ?ex_gt0 //; apply: sumr_ge0 => m _.
exact: ltW (ex_gt0 E _).
Qed.

Lemma softmax_gt0 k : 0 < softmax f k.
Proof. by rewrite divr_gt0 ?ex_gt0 ?(sum_ex_gt0 k). Qed.

Lemma softmax_sum (k : V) : \sum_m softmax f m = 1.
Proof. by rewrite -mulr_suml divff // lt0r_neq0 // (sum_ex_gt0 k). Qed.
End Softmax.
End Exponential.
