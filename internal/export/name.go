package export

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// longestName is how many bytes a file's name may have, with its ending: archives and file systems take 255, and some
// count characters of two bytes.
const longestName = 120

// reserved are the names that Windows keeps for devices, whatever their ending.
var reserved = regexp.MustCompile(`^(CON|PRN|AUX|NUL|CLOCK\$|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³])$`)

// Names gives each file of an archive a name of its own. The zero value is ready; it is used by one goroutine.
type Names struct{ taken map[string]bool }

// File returns the name of a file that is called after name and ends in ending, ".csv" say. It is one element of a path
// on every system, nothing hidden or unseen is in it, and no file system takes it for another one of the same Names,
// also one that folds case and forms of letters.
func (n *Names) File(name, ending string) string {
	if n.taken == nil {
		n.taken = map[string]bool{}
	}
	safe := FileName(name)
	for i := 1; ; i++ {
		tail := ending
		if i > 1 {
			tail = "-" + strconv.Itoa(i) + ending
		}
		file := cut(safe, longestName-len(tail)) + tail
		if key := folded(file); !n.taken[key] {
			n.taken[key] = true
			return file
		}
	}
}

// FileName returns one element of a path that every file system takes, and that stands for nothing but a file. What
// cannot be in it is an underscore.
func FileName(name string) string {
	name = norm.NFC.String(strings.ToValidUTF8(name, "_"))
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("<>:\"/\\|?*／＼∕⁄：", r) || !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) ||
			r == '\u00a0' || r == utf8.RuneError {
			return '_'
		}
		if unicode.IsSpace(r) || unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, name)
	edge := func(r rune) bool { return r == '.' || r == ' ' }
	if at := strings.TrimLeftFunc(name, edge); len(at) < len(name) { // hidden, a blank that nobody sees, or a folder above
		name = "_" + at
	}
	name = cut(name, longestName)
	if at := strings.TrimRightFunc(name, edge); len(at) < len(name) { // Windows drops them
		name = at + "_"
	}
	if name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "~") {
		name = "_" + name
	}
	// some archivers and file systems write full-width letters as plain ones
	stem, _, _ := strings.Cut(norm.NFKC.String(name), ".")
	if plain, _, _ := strings.Cut(name, "."); isReserved(plain) || isReserved(stem) {
		name = "_" + name
	}
	return name
}

func isReserved(stem string) bool {
	return reserved.MatchString(strings.ToUpper(strings.TrimSpace(stem)))
}

// cut keeps the beginning of a text, in whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return strings.TrimRight(s, ". ")
}

// folded is the same for names that some file system takes for one.
func folded(name string) string {
	return strings.ToLower(strings.ToUpper(norm.NFKC.String(strings.ToLower(norm.NFKC.String(name)))))
}
