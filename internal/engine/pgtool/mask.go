package pgtool

import "strings"

// Masked stands in the place of a text in quotes.
const Masked = "'…'"

// Mask replaces every text in quotes by Masked, and returns the texts. Words, names, numbers and signs are left. A
// password, a connection string or a function's body is always a text in quotes. Mask reports false where it is not
// sure of the ends of all texts; show nothing of the statement then.
func Mask(statement string) (masked string, texts []string, sure bool) {
	var b strings.Builder
	sure = true
	for i := 0; i < len(statement); {
		rest := statement[i:]
		n := 1
		switch c := rest[0]; {
		case strings.HasPrefix(rest, "--"):
			n = lineEnd(rest)
			b.WriteByte(' ')
		case strings.HasPrefix(rest, "/*"):
			n = commentEnd(rest)
			b.WriteByte(' ')
		case c == '\'':
			escapes := startsEscape(b.String())
			n = quoteEnd(rest, escapes)
			// Where the source's strings do not conform to the standard, a backslash escapes here too.
			sure = sure && closed(rest[:n]) && (escapes || !strings.Contains(rest[:n], `\`))
			texts = append(texts, strings.Trim(rest[:n], "'"))
			b.WriteString(Masked)
		case c == '"':
			n = quoteEnd(rest, false)
			sure = sure && closed(rest[:n])
			b.WriteString(rest[:n])
		case c == '$' && !endsInWord(b.String()) && dollarEnd(rest) > 1:
			n = dollarEnd(rest)
			tag := dollarTag.FindString(rest)
			sure = sure && n >= 2*len(tag) && strings.HasSuffix(rest[:n], tag)
			texts = append(texts, strings.Trim(rest[:n], "$"))
			b.WriteString(Masked)
		default:
			b.WriteByte(c)
		}
		i += n
	}
	return strings.Join(strings.Fields(b.String()), " "), texts, sure
}

func closed(quoted string) bool { return len(quoted) > 1 && quoted[len(quoted)-1] == quoted[0] }
