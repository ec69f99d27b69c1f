// Sphinx's own scores; then each word of the question that stands in a page's title counts,
// and a chapter comes before the glossary's entry of the same word.
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
  score: ([page, title, anchor, description, score]) => {
    const asked = new URLSearchParams(window.location.search).get("q") || "";
    const words = splitQuery(title.toLowerCase());
    const met = splitQuery(asked.toLowerCase()).filter((word) => words.includes(word)).length;
    return score + (description ? 0 : 10 * met) - (page === "book/glossary" ? 20 : 0);
  },
};
