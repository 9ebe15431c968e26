package repository

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// How the bytes inside a sealed object are packed: the first byte of what is encrypted.
const (
	packedStored byte = 0 // as they are
	packedZstd   byte = 1 // one zstd frame that states its content size and has no checksum of its own
	packedSnappy byte = 2 // one Snappy block
)

// Effort says what sealing a chunk may cost: processor time now, or more bytes at every provider for good.
type Effort byte

// The efforts. Measured on rows: Fast takes a third of the time and a third more bytes.
const (
	Thorough Effort = iota // zstd, for when chunks wait for the providers
	Fast                   // Snappy, for when the providers wait for chunks
)

const (
	zstdWindow    = 1 << 20  // bytes an encoder looks back; more costs memory and gains nothing measurable on rows
	maxZstdWindow = 16 << 20 // the largest a reader must accept
	spareDecode   = 16       // bytes beyond the content that let the decoder take its fast path
	minCompress   = 256      // bytes; the zstd frames of shorter contents do not state their size
	maxWorkspaces = 4
	keepScratch   = MaxChunkPlain + 64<<10
)

// workspace is what sealing or opening one object needs besides its input and output. There are as many as processors,
// four at most, and whoever comes when all are busy waits:
// so memory stays bounded however many goroutines seal at once.
type workspace struct {
	enc     *zstd.Encoder
	dec     *zstd.Decoder
	scratch []byte // packed bytes: compressed, not encrypted
}

var workspaces = sync.OnceValue(func() chan *workspace {
	n := min(runtime.GOMAXPROCS(0), maxWorkspaces)
	c := make(chan *workspace, n)
	for range n {
		c <- &workspace{}
	}
	return c
})

func takeWorkspace() *workspace { return <-workspaces() }

// release gives the workspace back, without a scratch that only an unusual object needed.
func (w *workspace) release() {
	if cap(w.scratch) > keepScratch {
		w.scratch = nil
	}
	workspaces() <- w
}

// room returns an empty scratch with room for n bytes.
func (w *workspace) room(n int) []byte {
	if cap(w.scratch) < n {
		w.scratch = make([]byte, 0, n)
	}
	return w.scratch[:0]
}

func (w *workspace) encoder() *zstd.Encoder {
	if w.enc == nil {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false), zstd.WithWindowSize(zstdWindow))
		if err != nil {
			panic(err) // only wrong options fail
		}
		w.enc = enc
	}
	return w.enc
}

func (w *workspace) decoder() *zstd.Decoder {
	if w.dec == nil {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			panic(err) // only wrong options fail
		}
		w.dec = dec
	}
	return w.dec
}

// pack returns the packing byte and plain, compressed if that makes it smaller. The result stands in the scratch.
func (w *workspace) pack(plain []byte, effort Effort) []byte {
	var packed []byte
	switch {
	case len(plain) < minCompress:
	case effort == Fast:
		packed = w.room(1 + s2.MaxEncodedLen(len(plain)))
		block := s2.EncodeSnappy(packed[1:cap(packed)], plain)
		packed = append(packed, packedSnappy)[:1+len(block)]
	default:
		enc := w.encoder()
		packed = append(w.room(1+enc.MaxEncodedSize(len(plain))), packedZstd)
		packed = enc.EncodeAll(plain, packed)
	}
	if len(packed) == 0 || len(packed)-1 >= len(plain) {
		packed = append(append(w.room(1+len(plain)), packedStored), plain...)
	}
	return packed
}

// unpack appends what pack packed. It takes no more memory than maxPlain allows, whatever the bytes claim.
func (w *workspace) unpack(dst, packed []byte, maxPlain int) ([]byte, error) {
	if len(packed) == 0 {
		return nil, errors.New("it is empty")
	}
	body := packed[1:]
	switch packed[0] {
	case packedStored:
		if len(body) > maxPlain {
			return nil, fmt.Errorf("it holds %d bytes; at most %d are expected", len(body), maxPlain)
		}
		return append(dst, body...), nil
	case packedZstd:
		return w.unpackZstd(dst, body, maxPlain)
	case packedSnappy:
		return unpackSnappy(dst, body, maxPlain)
	}
	return nil, fmt.Errorf("it is packed in a way (%d) that format %d does not have", packed[0], FormatVersion)
}

func unpackSnappy(dst, block []byte, maxPlain int) ([]byte, error) {
	size, err := s2.DecodedLen(block)
	if err != nil {
		return nil, fmt.Errorf("read the Snappy block: %w", err)
	}
	if size > maxPlain {
		return nil, fmt.Errorf("it holds %d bytes; at most %d are expected", size, maxPlain)
	}
	start := len(dst)
	dst = slices.Grow(dst, size)[:start+size]
	if _, err := s2.Decode(dst[start:], block); err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return dst, nil
}

func (w *workspace) unpackZstd(dst, frame []byte, maxPlain int) ([]byte, error) {
	var h zstd.Header
	if err := h.Decode(frame); err != nil {
		return nil, fmt.Errorf("read the zstd frame: %w", err)
	}
	if h.Skippable || !h.HasFCS {
		return nil, errors.New("its zstd frame does not state its content size")
	}
	if maxPlain < 0 || h.FrameContentSize > uint64(maxPlain) {
		return nil, fmt.Errorf("it holds %d bytes; at most %d are expected", h.FrameContentSize, maxPlain)
	}
	start, size := len(dst), int(h.FrameContentSize)
	dst = slices.Grow(dst, size+spareDecode)
	out, err := w.decoder().DecodeAll(frame, dst[:start:start+size+spareDecode])
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(out) != start+size {
		return nil, fmt.Errorf("it decompresses to %d bytes and promised %d", len(out)-start, size)
	}
	return out, nil
}
