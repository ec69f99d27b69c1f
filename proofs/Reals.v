(** The exponential of the real numbers has the properties that [Exponential.v] asks for, so that
    the theorems on logits speak of it.  The real numbers and their exponential are those of
    Mathematical Components' analysis, which is classical: its axioms stand in the record. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp.analysis Require Import reals topology normedtype derive realfun sequences exp.
From Planning Require Import Exponential.
Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.
Import Order.Theory GRing.Theory Num.Theory.
Import numFieldTopology.Exports numFieldNormedType.Exports.
Local Open Scope ring_scope.

(** Below 0 by the mean value theorem: the slope there is at most 1. *)
Lemma tangent (R : realType) (x : R) : 1 + x <= expR x.
Proof.
case: (leP 0 x) => [|low]; first exact: expR_ge1Dx.
have [c|c] := MVT low (fun y _ => is_derive_expR y).
  by apply: continuous_subspaceT; apply: continuous_expR.
rewrite in_itv /= expR0 sub0r => /andP[_ below] step.
have small : expR c <= 1 by rewrite ltW // expR_lt1.
have : 1 - expR x <= - x by rewrite step ler_pimull // oppr_ge0 ltW.
by rewrite ler_subl_addr addrC ler_subr_addr.
Qed.

(** The exponential and the logarithm of the real numbers are what the theorems on logits need. *)
Definition real_exponential : Prop :=
  forall R : realType, exists E : exponential R,
  (forall x, E x = expR x) /\ forall x, 0 < x -> lg E x = ln x.

Theorem real_exponential_holds : real_exponential.
Proof.
move=> R.
have lgK (x : R) : 0 < x -> expR (ln x) = x by move=> pos; rewrite lnK // posrE.
by exists (Exponential (@expR_gt0 R) (@expRD R) (@tangent R) lgK).
Qed.
