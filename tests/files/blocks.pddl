; Blocksworld in which a move is one action: no hand
(define (domain blocks)
  (:requirements :strips :typing :negative-preconditions :equality)
  (:types block)
  (:predicates (on ?x - block ?y - block) (on-table ?x - block) (clear ?x - block))
  (:action move
    :parameters (?x - block ?from - block ?to - block)
    :precondition (and (on ?x ?from) (clear ?x) (clear ?to) (not (= ?x ?to)))
    :effect (and (on ?x ?to) (clear ?from) (not (on ?x ?from)) (not (clear ?to))))
  (:action to-table
    :parameters (?x - block ?from - block)
    :precondition (and (on ?x ?from) (clear ?x))
    :effect (and (on-table ?x) (clear ?from) (not (on ?x ?from))))
  (:action from-table
    :parameters (?x - block ?to - block)
    :precondition (and (on-table ?x) (clear ?x) (clear ?to) (not (= ?x ?to)))
    :effect (and (on ?x ?to) (not (on-table ?x)) (not (clear ?to)))))
