package llmtest

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
	"sync"
	"time"
)

// fileLife is how long Gemini keeps a file.
const fileLife = 48 * time.Hour

// defaultGranularity is the granularity of chunks if the Config has none. It is the one that
// Gemini's servers ask for.
const defaultGranularity = 8 << 20

// File is a file of Gemini's Files API that a server has, or had. Its bytes are not kept.
type File struct {
	// Name is the resource name, "files/...", and URI is how requests refer to the file.
	Name, URI string
	// DisplayName and MIMEType are what the client said.
	DisplayName, MIMEType string
	// Size is the number of bytes, and SHA256 their hash in hex.
	Size   int64
	SHA256 string
	// Created is when the upload was finalized, Active is when the file can be used, and
	// Expires is when it expires. Deleted is when it was deleted, and zero if it was not.
	Created, Active, Expires, Deleted time.Time
}

// Alive reports whether f existed at the given time.
func (f File) Alive(at time.Time) bool {
	return !at.Before(f.Created) && at.Before(f.Expires) && (f.Deleted.IsZero() || at.Before(f.Deleted))
}

// Tokens is the number of tokens that a request with the file reads: a quarter of its bytes,
// and at least one.
func (f File) Tokens() int64 { return max(1, f.Size/4) }

// fileRecord is a file with the key that may use it.
type fileRecord struct {
	File
	owner string
}

// state is Gemini's name for the state of a file at the given time.
func (f fileRecord) state(now time.Time) string {
	if now.Before(f.Active) {
		return "PROCESSING"
	}
	return "ACTIVE"
}

// upload is one resumable upload.
type upload struct {
	id     string
	file   fileRecord // what the start said of it, and all of it in the end
	size   int64      // the declared number of bytes; -1 if it was not declared
	sum    hash.Hash
	got    int64
	status string // "active", "final" or "cancelled"
	wanted string // the name that the client asked for, or ""
}

// fileStore holds all files and all uploads, in order.
type fileStore struct {
	mu      sync.Mutex
	files   []*fileRecord
	uploads []*upload
}

// all returns every file, dead or alive.
func (s *fileStore) all() []File {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]File, len(s.files))
	for i, f := range s.files {
		all[i] = f.File
	}
	return all
}

// alive returns the files of a key that are alive, the newest first.
func (s *fileStore) alive(owner string, now time.Time) (all []fileRecord) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range slices.Backward(s.files) {
		if f.owner == owner && f.Alive(now) {
			all = append(all, *f)
		}
	}
	return all
}

// lookUp returns a copy of the file with the name that is alive and belongs to the key.
func (s *fileStore) lookUp(name, owner string, now time.Time) (fileRecord, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.find(name, owner, now); f != nil {
		return *f, true
	}
	return fileRecord{}, false
}

// find returns the file, or nil. s.mu is held.
func (s *fileStore) find(name, owner string, now time.Time) *fileRecord {
	i := slices.IndexFunc(s.files, func(f *fileRecord) bool {
		return f.Name == name && f.owner == owner && f.Alive(now)
	})
	if i < 0 {
		return nil
	}
	return s.files[i]
}

// remove deletes the file, and reports whether it was alive.
func (s *fileStore) remove(name, owner string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.find(name, owner, now)
	if f == nil {
		return false
	}
	f.Deleted = now
	return true
}

// start begins an upload and returns its id.
func (s *fileStore) start(u upload, seed uint64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.id = drawID(seed, "upload-", len(s.uploads))
	u.sum, u.status = sha256.New(), "active"
	s.uploads = append(s.uploads, &u)
	return u.id
}

// session returns the upload with the id, or nil. The id is all that a client needs to go on
// with it. s.mu is held.
func (s *fileStore) session(id string) *upload {
	i := slices.IndexFunc(s.uploads, func(u *upload) bool { return u.id == id })
	if i < 0 {
		return nil
	}
	return s.uploads[i]
}

// add appends bytes to an upload. s.mu is held.
func (u *upload) add(b []byte) {
	_, _ = u.sum.Write(b) // a hash never fails
	u.got += int64(len(b))
}

// finalize makes a file of an upload. s.mu is held.
func (s *fileStore) finalize(u *upload, seed uint64, processing time.Duration, now time.Time) {
	f := u.file
	f.Name = u.wanted
	if f.Name == "" {
		id := drawID(seed, "", len(s.files))
		f.Name = "files/" + id[:12]
	}
	f.URI = filesURI + strings.TrimPrefix(f.Name, "files/")
	f.Size, f.SHA256 = u.got, hex.EncodeToString(u.sum.Sum(nil))
	f.Created, f.Active, f.Expires = now, now.Add(max(processing, 0)), now.Add(fileLife)
	u.file, u.status = f, "final"
	s.files = append(s.files, &f)
}
