// Package report shows what a run of the load generator has found: on a terminal, as JSON, as a page, and as the charts
// of the documentation.
//
// Figures carry their unit and have three digits, counts have all; they are the same in [Table] and [HTML], and [JSON]
// alone has them as they were measured. Sizes are in B, KiB, MiB and GiB. What a run has not measured is left out. Text that
// comes from outside (a URL, a close reason) is escaped: it can neither move a terminal's cursor nor become markup.
//
// The plots are SVG without scripts, fonts or anything else from elsewhere; they follow the reader's light or dark scheme.
// The same input gives the same bytes.
package report
