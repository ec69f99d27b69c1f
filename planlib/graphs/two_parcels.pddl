(define (problem two-parcels)
  (:domain delivery)
  (:objects a b c d - town first second - parcel)
  (:init
    (truck-in a)
    (road a b) (road b c) (road c d) (road d a)
    (waits first b) (for first d)
    (waits second c) (for second a))
  (:goal (and (delivered first) (delivered second))))
