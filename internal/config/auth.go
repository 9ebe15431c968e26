package config

import (
	"github.com/wedsync/keepsake/internal/auth/gotrue"
	"github.com/wedsync/keepsake/internal/keepsake"
)

// Auth says where people have their accounts, besides the local ones.
type Auth struct {
	Supabase Supabase `yaml:"supabase"`
}

// Supabase is the auth server of the platform; without a URL only local accounts sign in.
type Supabase struct {
	URL               string          `yaml:"url"`
	AnonKey           keepsake.Secret `yaml:"anon_key"`   // the project's publishable key
	Issuer            string          `yaml:"issuer"`     // of its tokens; empty: the URL
	JWTSecret         keepsake.Secret `yaml:"jwt_secret"` // verifies HS256; empty: the published keys do
	Algorithms        []string        `yaml:"algorithms"` // of the published keys; empty: ES256
	RoleClaim         string          `yaml:"role_claim"`
	OrganizationClaim string          `yaml:"organization_claim"`
	RequireMFA        bool            `yaml:"require_mfa"`
}

// Trust is what its tokens are held against.
func (s Supabase) Trust() gotrue.Trust {
	return gotrue.Trust{
		URL:               s.URL,
		Issuer:            s.Issuer,
		Secret:            s.JWTSecret,
		Algorithms:        s.Algorithms,
		RoleClaim:         s.RoleClaim,
		OrganizationClaim: s.OrganizationClaim,
	}
}

// trustFields are the names that Trust.Check gives, as the file writes them.
var trustFields = map[string]string{"URL": "url", "Secret": "jwt_secret", "Algorithms": "algorithms",
	"RoleClaim": "role_claim", "OrganizationClaim": "organization_claim"}

func (c *Config) checkAuth() *mistake {
	s := c.Auth.Supabase
	if s.URL == "" {
		if s.AnonKey != "" || s.JWTSecret != "" || s.RequireMFA || len(s.Algorithms) > 0 {
			return wrong("the address of the auth server is missing: write it as https://PROJECT.supabase.co/auth/v1", "auth",
				"supabase", "url")
		}
		return nil
	}
	if field, err := s.Trust().Check(); err != nil {
		return wrong(keepsake.MessageOf(err), "auth", "supabase", trustFields[field])
	}
	return nil
}
