# Two commands do everything; each sets up .venv first and skips what is done.
#   make book        execute the notebooks, build the book strictly, print where it lies
#   make test        units, properties, and nbval over every notebook
.PHONY: book test notebooks proofs check-proofs lab bench setup check-book check-browser check-stored \
  walks pdf slides figures clean
PYTHON ?= python3
RUN := .venv/bin/python
# The kernels and tools of .venv come first, whatever else the machine has.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export JUPYTER_PATH := $(CURDIR)/tools/jupyter
# Two workers with one thread each: threads that wait by spinning slow each other on two cores.
export OMP_NUM_THREADS := 1
WORKERS := -n 2 -q

setup:
	@$(PYTHON) tools/bootstrap.py

book: setup
	@$(RUN) tools/book.py --execute

test: setup
	$(RUN) -m ruff check .
	$(RUN) -m pytest $(WORKERS) --ignore tests/test_browser.py --ignore tests/test_stored.py tests
	$(RUN) -m pytest $(WORKERS) --dist loadfile --nbval -p no:cacheprovider notebooks

# Recompute the records, execute every notebook and rewrite its committed outputs.
notebooks: setup
	$(RUN) -m planlib verify all --record || test $$? -eq 2  # undecided is a result
	$(RUN) tools/notebooks.py

# Build from the committed outputs, without executing them again.
check-book: setup
	@$(RUN) tools/book.py

# Look at the built pages in a browser; without a Chromium or Playwright, say so.
check-browser: setup
	@$(RUN) -m pytest -n 3 -q tests/test_browser.py

# One PDF of the whole book, slides, its figures as files, in _build/; walks anew what book/teach.md tells of.
pdf: check-book
	@$(RUN) tools/pdf.py

# Slides of two chapters, or of NAMES="soft ended", in _build/slides.
slides: check-book
	@$(RUN) tools/slides.py $(NAMES)

# With DATA=--data the notebooks are executed, and what each figure shows is written as well.
figures: setup
	@$(RUN) tools/figures.py $(DATA) $(NAMES)

walks: check-book
	@$(RUN) tools/walks.py

# Have Coq check every proof and rewrite the record; it says how to get Coq where there is none.
proofs: setup
	@$(RUN) tools/proofs.py --record

# Check them against the committed record; without Coq, say so.
check-proofs: setup
	@$(RUN) tools/proofs.py --if-there

# Train and evaluate again some of what is stored: runs, models, long readings.
check-stored: setup
	@$(RUN) -m pytest $(WORKERS) tests/test_stored.py

lab: setup
	$(RUN) -m jupyter lab notebooks

bench: setup
	$(RUN) benchmarks/speed.py

clean:
	rm -rf _build .venv
