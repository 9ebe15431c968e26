package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wedsync/keepsake/handlers"
	"github.com/wedsync/keepsake/internal/console"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Status is how things stand.
type Status struct {
	Protected       bool        `json:"protected" doc:"The newest recovery point meets the 3-2-1 rule"`
	Lacks           string      `json:"lacks,omitempty" doc:"What the rule misses, in words"`
	Alarm           string      `json:"alarm,omitempty" enum:"never,late,failed,suspect" doc:"Why the age of the last good backup is an alarm"`
	AlarmText       string      `json:"alarm_text,omitempty"`
	AgeSeconds      float64     `json:"age_seconds,omitempty" doc:"Of the newest recovery point"`
	MaxAgeSeconds   float64     `json:"max_age_seconds" doc:"Beyond it the age alarms"`
	Newest          *Point      `json:"newest,omitempty" doc:"The newest recovery point that holds every tier and is not suspect"`
	Points          int64       `json:"points"`
	LastBackup      *Operation  `json:"last_backup,omitempty"`
	Running         []Operation `json:"running" doc:"With progress, speed and the time that is left"`
	Performance     Performance `json:"performance"`
	Providers       []Provider  `json:"providers"`
	Urgency         string      `json:"urgency" enum:"emergency,urgent,elevated,normal" doc:"Of the next wedding"`
	Weddings        []Wedding   `json:"weddings" doc:"The next ones: what would be touched if the platform were lost now"`
	Touched         []Wedding   `json:"touched" doc:"Those of the next ones that a running restore into the live platform touches"`
	WeddingsMissing string      `json:"weddings_missing,omitempty" doc:"Why they are not the live platform's own"`
}

// Performance is how fast things went lately, as it was measured. What never was is absent.
type Performance struct {
	BackupSeconds         float64    `json:"backup_seconds,omitempty" doc:"What the newest recovery point took"`
	BackupBytesPerSecond  float64    `json:"backup_bytes_per_second,omitempty"`
	BackupRowsPerSecond   float64    `json:"backup_rows_per_second,omitempty"`
	BytesRead             int64      `json:"bytes_read,omitempty" doc:"Of the newest recovery point, before compression"`
	BytesStored           int64      `json:"bytes_stored,omitempty" doc:"At each provider"`
	BytesNew              int64      `json:"bytes_new,omitempty" doc:"That were not there already"`
	RestoreBytesPerSecond float64    `json:"restore_bytes_per_second,omitempty" doc:"Of the newest restore that covered everything and compared it all"`
	RestoreSeconds        float64    `json:"restore_seconds,omitempty" doc:"What restoring the newest recovery point is expected to take at that speed"`
	DrillSeconds          float64    `json:"drill_seconds,omitempty" doc:"What the newest restore of everything that compared every row took"`
	DrillAt               *time.Time `json:"drill_at,omitempty"`
}

func performanceOf(newest *console.Point, m console.Performance) Performance {
	p := Performance{RestoreBytesPerSecond: m.RestoreSpeed}
	if m.Drill != nil {
		p.DrillSeconds, p.DrillAt = m.Drill.Seconds, moment(m.Drill.At)
	}
	if newest == nil {
		return p
	}
	p.BackupSeconds, p.BytesRead, p.BytesStored, p.BytesNew = newest.Seconds, newest.BytesRead, newest.BytesStored,
		newest.BytesNew
	if newest.Seconds > 0 {
		p.BackupBytesPerSecond, p.BackupRowsPerSecond = float64(newest.BytesRead)/newest.Seconds,
			float64(newest.Rows)/newest.Seconds
	}
	if m.RestoreSpeed > 0 {
		p.RestoreSeconds = float64(newest.BytesRead) / m.RestoreSpeed
	}
	return p
}

// touched are those of the next weddings that a running restore into the live platform touches.
func touched(d console.Dashboard) []Wedding {
	out := []Wedding{}
	for _, w := range d.Weddings {
		for _, o := range d.Running {
			if a := o.Asked; o.Kind == console.KindScoped && a != nil && mayTouch(a.Scope, w) {
				out = append(out, weddingOf(w))
				break
			}
		}
	}
	return out
}

// mayTouch reports whether a scope may hold rows of a wedding.
func mayTouch(s keepsake.Scope, w console.Wedding) bool {
	switch s.Kind() {
	case keepsake.ScopeWedding:
		return s.WeddingID() == w.ID
	case keepsake.ScopeOrganization:
		return s.OrganizationID() == w.OrganizationID
	}
	return s.Wide()
}

// Provider is one storage target.
type Provider struct {
	Name          string     `json:"name"`
	Medium        string     `json:"medium"`
	Region        string     `json:"region,omitempty"`
	Offsite       bool       `json:"offsite"`
	Reachable     bool       `json:"reachable"`
	State         string     `json:"state" enum:"unknown,works,behind,fails" doc:"works: the last write was read back, and it holds the newest recovery point; behind: it works and lacks that one; fails: the last check, backup or repair failed there and no write has worked since"`
	Error         string     `json:"error,omitempty"`
	Checked       *time.Time `json:"checked,omitempty"`
	LastPoint     string     `json:"last_point,omitempty" doc:"The newest recovery point confirmed there"`
	LastConfirmed *time.Time `json:"last_confirmed,omitempty"`
	Points        int64      `json:"points" doc:"Recovery points confirmed there"`
}

func providerOf(p console.ProviderState) Provider {
	return Provider{
		Name:          p.Name,
		Medium:        p.Medium,
		Region:        p.Region,
		Offsite:       p.Offsite,
		Reachable:     p.Reachable,
		State:         string(p.Health()),
		Error:         p.Error,
		Checked:       moment(p.Checked),
		LastPoint:     p.LastPoint,
		LastConfirmed: moment(p.LastConfirmed),
		Points:        p.Points,
	}
}

type statusInput struct {
	IfNoneMatch []string `header:"If-None-Match" maxItems:"20" doc:"The ETag of an answer that is known"`
}

type statusOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Cache  string `header:"Cache-Control"`
	Body   *Status
}

func (h *actions) status(ctx context.Context, in *statusInput) (*statusOutput, error) {
	actor := handlers.ActorFrom(ctx)
	d, err := h.d.Console.Dashboard(ctx, actor)
	if err != nil {
		return nil, err
	}
	measured, err := h.d.Console.Performance(ctx, actor)
	if err != nil {
		return nil, err
	}
	s := &Status{
		Performance:     performanceOf(d.Newest, measured),
		Touched:         touched(d),
		Protected:       d.Protection.Protected(),
		Lacks:           d.Protection.Lacks(),
		Alarm:           string(d.Alarm),
		AlarmText:       d.AlarmText,
		MaxAgeSeconds:   d.MaxAge.Seconds(),
		Points:          d.Points,
		Running:         each(d.Running, operationOf),
		Providers:       each(d.Providers, providerOf),
		Weddings:        each(d.Weddings, weddingOf),
		WeddingsMissing: d.WeddingsMissing,
		Urgency:         string(keepsake.UrgencyNormal),
	}
	if len(d.Weddings) > 0 {
		s.Urgency = string(d.Weddings[0].Urgency)
	}
	if d.Newest != nil {
		p := pointOf(*d.Newest)
		s.Newest = &p
	}
	if d.LastBackup != nil {
		o := operationOf(*d.LastBackup)
		s.LastBackup = &o
	}
	tag, err := etag(s)
	if err != nil {
		return nil, err
	}
	if knows(in.IfNoneMatch, tag) {
		return &statusOutput{Status: http.StatusNotModified, ETag: tag, Cache: revalidate}, nil
	}
	s.AgeSeconds = d.Age.Seconds()
	return &statusOutput{Status: http.StatusOK, ETag: tag, Cache: revalidate, Body: s}, nil
}

// revalidate lets whoever asks keep an answer, if they ask whether it still holds before they use it.
const revalidate = "private, no-cache"

// knows reports whether one of the tags of an If-None-Match is the one, weak or not.
func knows(tags []string, tag string) bool {
	return slices.ContainsFunc(tags, func(t string) bool {
		t = strings.TrimSpace(t)
		return t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/")
	})
}

// etag is a weak tag: the age, and when providers were looked at, change while nothing does, and count for nothing.
func etag(s *Status) (string, error) {
	still := *s
	still.AgeSeconds, still.Providers = 0, slices.Clone(s.Providers)
	for i := range still.Providers {
		still.Providers[i].Checked = nil
	}
	b, err := json.Marshal(still)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return `W/"` + hex.EncodeToString(sum[:12]) + `"`, nil
}
