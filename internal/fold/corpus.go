package fold

import (
	"strings"
	"unicode/utf8"
)

// Corpus is many texts that are looked through together, which is many times faster than one after the other.
type Corpus struct{ plain, long lines }

// NewCorpus returns the corpus of these texts.
func NewCorpus(texts []Text) *Corpus {
	c := &Corpus{}
	var plain, long strings.Builder
	for _, t := range texts {
		plain.WriteString(t.plain)
		c.plain.end(&plain)
		if t.long == "" {
			t.long = t.plain
		}
		long.WriteString(t.long)
		c.long.end(&long)
	}
	c.plain.text, c.long.text = plain.String(), long.String()
	return c
}

// Fits says for each text what In says.
func (c *Corpus) Fits(w Text) []Fit {
	fits := make([]Fit, len(c.plain.ends))
	c.plain.fit(w.plain, fits)
	if w.long != "" {
		c.long.fit(w.long, fits)
	}
	return fits
}

// lines are texts with a line feed, which no folded text holds, after each.
type lines struct {
	text string
	ends []int32
}

func (l *lines) end(b *strings.Builder) {
	l.ends = append(l.ends, int32(b.Len()))
	b.WriteByte('\n')
}

func (l *lines) fit(word string, fits []Fit) {
	if word == "" {
		return
	}
	line := 0
	for at := 0; at < len(l.text); {
		i := strings.Index(l.text[at:], word)
		if i < 0 {
			return
		}
		from := at + i
		for int(l.ends[line]) < from {
			line++
		}
		fits[line] = max(fits[line], fitAt(l.text, from, from+len(word)))
		if at = from + 1; fits[line] == Whole {
			at = int(l.ends[line]) + 1
		}
	}
}

// fitAt says how a word that stands between two places of a text fits it.
func fitAt(text string, from, to int) Fit {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	switch {
	case from > 0 && inWord(before):
		return Inside
	case to < len(text) && inWord(after):
		return Begins
	default:
		return Whole
	}
}
