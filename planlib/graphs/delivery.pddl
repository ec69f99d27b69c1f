; A truck on a ring road that goes one way. A parcel is fetched where it waits, and handed over where
; it is addressed to; neither can be taken back.
(define (domain delivery)
  (:requirements :strips :typing)
  (:types town parcel)
  (:predicates
    (truck-in ?t - town)
    (road ?from ?to - town)
    (waits ?p - parcel ?t - town)
    (loaded ?p - parcel)
    (for ?p - parcel ?t - town)
    (delivered ?p - parcel))
  (:action drive
    :parameters (?from ?to - town)
    :precondition (and (truck-in ?from) (road ?from ?to))
    :effect (and (not (truck-in ?from)) (truck-in ?to)))
  (:action fetch
    :parameters (?p - parcel ?t - town)
    :precondition (and (truck-in ?t) (waits ?p ?t))
    :effect (and (not (waits ?p ?t)) (loaded ?p)))
  (:action hand-over
    :parameters (?p - parcel ?t - town)
    :precondition (and (truck-in ?t) (loaded ?p) (for ?p ?t))
    :effect (and (not (loaded ?p)) (delivered ?p))))
