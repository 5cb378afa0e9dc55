package auth_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-resty/resty/v2"
	"github.com/stretchr/testify/require"

	"github.com/restykit/restykit/auth"
	"github.com/restykit/restykit/middleware"
	"github.com/restykit/restykit/middleware/middlewaretest"
)

// twilioForm is the form of a request as Twilio signs it: names and values, by name.
func twilioForm(req *http.Request) ([]byte, error) {
	form, err := readForm(req)
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(form)) {
		b.WriteString(name + form.Get(name))
	}
	return b.Bytes(), err
}

func readForm(req *http.Request) (url.Values, error) {
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(text))
}

// acsFields are the fields that Alibaba Cloud's example signs.
var acsFields = []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}

func acsLines() auth.Part {
	var lines []auth.Part
	for _, name := range acsFields {
		lines = append(lines, auth.PartText(name+":"), auth.PartHeader(name), auth.PartText("\n"))
	}
	return auth.PartJoin("", lines...)
}

// published are the examples that services publish, each with its key, request and signature.
var published = []struct {
	name   string // and where it is published
	at     time.Time
	step   auth.HMAC
	send   func(*resty.Request) (*resty.Response, error)
	fields map[string]string
	query  string
}{
	{
		name: "GitHub, docs.github.com: validating webhook deliveries",
		step: auth.HMAC{
			Key: auth.Static("It's a Secret to Everybody"), Parts: []auth.Part{auth.PartBody},
			Header: "X-Hub-Signature-256", Value: []auth.Part{auth.PartText("sha256="), auth.PartMAC},
		},
		send:   func(r *resty.Request) (*resty.Response, error) { return r.SetBody("Hello, World!").Post("/") },
		fields: map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
	},
	{
		name: "Slack, docs.slack.dev: verifying requests from Slack",
		at:   time.Unix(1531420618, 0),
		step: auth.HMAC{
			Key:    auth.Static("8f742231b10e8888abcd99yyyzzz85a5"),
			Fields: map[string]auth.Part{"X-Slack-Request-Timestamp": auth.PartUnix},
			Parts:  []auth.Part{auth.PartText("v0"), auth.PartUnix, auth.PartBody}, Separator: ":",
			Header: "X-Slack-Signature", Value: []auth.Part{auth.PartText("v0="), auth.PartMAC},
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			return r.SetBody("token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c").Post("/")
		},
		fields: map[string]string{
			"X-Slack-Request-Timestamp": "1531420618",
			"X-Slack-Signature":         "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
		},
	},
	{
		name: "Standard Webhooks, the specification's example",
		at:   time.Unix(1614265330, 0),
		step: auth.HMAC{
			Key: auth.Static("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), KeyEncoding: auth.Base64, Encoding: auth.Base64,
			Fields: map[string]auth.Part{"Webhook-Timestamp": auth.PartUnix},
			Parts:  []auth.Part{auth.PartHeader("Webhook-Id"), auth.PartHeader("Webhook-Timestamp"), auth.PartBody}, Separator: ".",
			Header: "Webhook-Signature", Value: []auth.Part{auth.PartText("v1,"), auth.PartMAC},
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			return r.SetHeader("Webhook-Id", "msg_p5jXN8AQM9LWM0D4loKWxJek").SetBody(`{"test": 2432232314}`).Post("/")
		},
		fields: map[string]string{"Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "Webhook-Timestamp": "1614265330"},
	},
	{
		name: "Binance, developers.binance.com: request security",
		at:   time.UnixMilli(1499827319559),
		step: auth.HMAC{
			Key:    auth.Static("NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"),
			Params: map[string]auth.Part{"timestamp": auth.PartUnixMilli},
			Parts:  []auth.Part{auth.PartQuery, auth.PartBody},
			Query:  "signature",
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			return r.Post("/api/v3/order?symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000")
		},
		query: "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
	},
	{
		name: "Kraken, docs.kraken.com: spot REST authentication",
		step: auth.HMAC{
			Key: auth.Static("kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="), KeyEncoding: auth.Base64,
			Hash: crypto.SHA512, Encoding: auth.Base64,
			Parts: []auth.Part{auth.PartPath, auth.PartDigest(crypto.SHA256, auth.Raw, auth.PartFunc(func(req *http.Request) ([]byte, error) {
				form, err := readForm(req)
				return []byte(form.Get("nonce")), err
			}), auth.PartBody)},
			Header: "API-Sign",
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			return r.SetBody("nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25").Post("/0/private/AddOrder")
		},
		fields: map[string]string{"API-Sign": "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="},
	},
	{
		name: "Twilio, twilio.com/docs/usage/security",
		step: auth.HMAC{
			Key: auth.Static("12345"), Hash: crypto.SHA1, Encoding: auth.Base64,
			Parts: []auth.Part{auth.PartURL, auth.PartFunc(twilioForm)}, Header: "X-Twilio-Signature",
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			return r.SetFormData(map[string]string{
				"To": "+18005551212", "CallSid": "CA1234567890ABCDE", "Caller": "+12349013030", "Digits": "1234", "From": "+12349013030",
			}).Post("https://mycompany.com/myapp.php?foo=1&bar=2")
		},
		fields: map[string]string{"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ="},
	},
	{
		name: "Alibaba Cloud, help.aliyun.com: signature V3, RunInstances",
		at:   time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC),
		step: auth.HMAC{
			Key: auth.Static("YourAccessKeySecret"), KeyID: "YourAccessKeyId",
			Fields: map[string]auth.Part{
				"X-Acs-Content-Sha256":  auth.PartBodyHash,
				"X-Acs-Date":            auth.PartTime("2006-01-02T15:04:05Z"),
				"X-Acs-Signature-Nonce": auth.PartFunc(func(*http.Request) ([]byte, error) { return []byte("3156853299f313e23d1673dc12e1703d"), nil }),
			},
			Parts: []auth.Part{auth.PartText("ACS3-HMAC-SHA256"), auth.PartDigest(crypto.SHA256, auth.Hex, auth.PartJoin("\n",
				auth.PartMethod, auth.PartPath, auth.PartSortedQuery, acsLines(), auth.PartText(strings.Join(acsFields, ";")), auth.PartBodyHash))},
			Separator: "\n",
			Header:    "Authorization",
			Value: []auth.Part{
				auth.PartText("ACS3-HMAC-SHA256 Credential="), auth.PartKeyID,
				auth.PartText(",SignedHeaders=" + strings.Join(acsFields, ";") + ",Signature="), auth.PartMAC,
			},
		},
		send: func(r *resty.Request) (*resty.Response, error) {
			return r.SetHeader("X-Acs-Action", "RunInstances").SetHeader("X-Acs-Version", "2014-05-26").
				Post("https://ecs.cn-shanghai.aliyuncs.com/?RegionId=cn-shanghai&ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd")
		},
		fields: map[string]string{
			"Authorization": "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
		},
	},
}

func TestHMACSignsWhatServicesPublish(t *testing.T) {
	for _, tt := range published {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if !tt.at.IsZero() {
					time.Sleep(time.Until(tt.at))
				}
				rt := &api{}
				c := client(t, rt, tt.step)
				c.SetBaseURL("") // the example says where it goes
				c.OnBeforeRequest(func(_ *resty.Client, r *resty.Request) error {
					if strings.HasPrefix(r.URL, "/") {
						r.URL = home + r.URL
					}
					return nil
				})
				_, err := tt.send(c.R())
				require.NoError(t, err)
				req := rt.last(t)
				for name, want := range tt.fields {
					require.Equal(t, want, req.Header.Get(name), name)
				}
				if tt.query != "" {
					require.Equal(t, tt.query, req.URL.RawQuery)
				}
			})
		})
	}
}

// signedText is what a server takes the signature of.
func signedText(t *testing.T, rt *api, parts []auth.Part, separator string, send func(*resty.Request) (*resty.Response, error)) string {
	t.Helper()
	var text string
	step := auth.HMAC{
		Key: auth.Static("k"), KeyID: "id-1", Header: "X-Sig", Parts: []auth.Part{auth.PartText("x")},
		Value: []auth.Part{auth.PartJoin(separator, parts...), auth.PartText("|"), auth.PartMAC}, // in plain sight
	}
	_, err := send(client(t, rt, step).R())
	require.NoError(t, err)
	sent := rt.last(t).Header.Get("X-Sig")
	text, mac := withoutMAC(sent)
	require.Len(t, mac, 64)
	return text
}

// withoutMAC is what stands before the last bar, and what behind.
func withoutMAC(s string) (text, mac string) {
	i := strings.LastIndex(s, "|")
	return s[:i], s[i+1:]
}

func TestEachPartIsWhatItsDocumentationSays(t *testing.T) {
	get := func(path string) func(*resty.Request) (*resty.Response, error) {
		return func(r *resty.Request) (*resty.Response, error) { return r.Get(path) }
	}
	post := func(r *resty.Request) (*resty.Response, error) {
		return r.SetHeader("X-A", " one ").SetBody("body").Post("/a%2Fb/c?z=1&a=%20x")
	}
	tests := []struct {
		name, want string
		part       auth.Part
		send       func(*resty.Request) (*resty.Response, error)
	}{
		{"method", "POST", auth.PartMethod, post},
		{"host", "api.home.test", auth.PartHost, post},
		{"path", "/a%2Fb/c", auth.PartPath, post},
		{"no path", "/", auth.PartPath, get("")},
		{"query, in its order", "z=1&a=%20x", auth.PartQuery, post},
		{"no query", "", auth.PartQuery, get("/")},
		{"sorted query", "a=%20x&z=1", auth.PartSortedQuery, post},
		{"sorted query, in one spelling", "%2A=1&B=&a=%20&a=%2F&a=~&a-b=%C3%BC&b=", auth.PartSortedQuery, get("/?b&a=%7E&a=/&a=+&a-b=%c3%bc&B=&*=1&")},
		{"target", "/a%2Fb/c?z=1&a=%20x", auth.PartTarget, post},
		{"target without a query", "/x", auth.PartTarget, get("/x")},
		{"URL", "https://api.home.test/a%2Fb/c?z=1&a=%20x", auth.PartURL, post},
		{"URL without its password", "https://api.home.test/x", auth.PartURL, get("https://u:p@api.home.test/x#f")},
		{"body", "body", auth.PartBody, post},
		{"no body", "", auth.PartBody, get("/")},
		{"body hash", "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5", auth.PartBodyHash, post},
		{"hash of no body", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", auth.PartBodyHash, get("/")},
		{"digest", base64.StdEncoding.EncodeToString(sum256("POSTbody")), auth.PartDigest(crypto.SHA256, auth.Base64, auth.PartMethod, auth.PartBody), post},
		{"digest for URLs", base64.RawURLEncoding.EncodeToString(sum256("POSTbody")), auth.PartDigest(crypto.SHA256, auth.Base64URL, auth.PartMethod, auth.PartBody), post},
		{"digest in hex", hex.EncodeToString(sum256("POST")), auth.PartDigest(crypto.SHA256, 0, auth.PartMethod), post},
		{"key id", "id-1", auth.PartKeyID, post},
		{"text", "v0", auth.PartText("v0"), post},
		{"field", "one", auth.PartHeader("x-a"), post},
		{"no field", "", auth.PartHeader("X-B"), post},
		{"Host", "api.home.test", auth.PartHeader("host"), post},
		{"length", "4", auth.PartHeader("content-length"), post},
		{"no length", "", auth.PartHeader("Content-Length"), get("/")},
		{"join", "POST;/a%2Fb/c", auth.PartJoin(";", auth.PartMethod, auth.PartPath), post},
		{"function", "/a/b/c", auth.PartFunc(func(req *http.Request) ([]byte, error) { return []byte(req.URL.Path), nil }), post},
		{"seconds", "946684800", auth.PartUnix, post},
		{"milliseconds", "946684800000", auth.PartUnixMilli, post},
		{"a date", "Sat, 01 Jan 2000 00:00:00 GMT", auth.PartTime(http.TimeFormat), post},
		{"a time", "2000-01-01T00:00:00.000Z", auth.PartTime("2006-01-02T15:04:05.000Z"), post},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, tt.want, signedText(t, &api{}, []auth.Part{tt.part}, "", tt.send))
			})
		})
	}
	several := func(r *resty.Request) (*resty.Response, error) {
		r.Header["X-A"] = []string{" one", "two\t "}
		r.Header["x-a"] = []string{"three"}
		return r.Get("/")
	}
	for range 20 { // a map's order is not its own
		require.Equal(t, "one, two, three", signedText(t, &api{}, []auth.Part{auth.PartHeader("X-A")}, "", several))
	}
}

func sum256(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

func TestEachAttemptIsSignedAnewAndSendsItsBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := &api{}
		again := middleware.Func("again", middleware.Retry, func(req *http.Request, next middleware.Next) (*http.Response, error) {
			resp, err := next(req)
			if err != nil {
				return nil, err
			}
			_ = resp.Body.Close()
			time.Sleep(2 * time.Second)
			return next(req)
		})
		step := auth.HMAC{
			Key:    auth.Static("k3y"),
			Fields: map[string]auth.Part{"X-Time": auth.PartUnix, "X-Nonce": auth.PartNonce},
			Params: map[string]auth.Part{"ts": auth.PartUnix},
			Parts:  []auth.Part{auth.PartNonce, auth.PartUnix, auth.PartQuery, auth.PartBody}, Separator: "\n",
			Header: "X-Sig",
		}
		_, err := client(t, rt, step, again).R().SetBody("body").Post("/?a=1&ts=0&x-nonce=9")
		require.NoError(t, err)
		require.Equal(t, []string{"body", "body"}, rt.body)
		var nonces []string
		for i, req := range rt.seen {
			at := []string{"946684800", "946684802"}[i]
			require.Equal(t, at, req.Header.Get("X-Time"))
			require.Equal(t, "a=1&x-nonce=9&ts="+at, req.URL.RawQuery)
			nonce := req.Header.Get("X-Nonce")
			require.Len(t, nonce, 32)
			require.NotContains(t, nonces, nonce)
			nonces = append(nonces, nonce)
			mac := hmac.New(sha256.New, []byte("k3y"))
			mac.Write([]byte(nonce + "\n" + at + "\n" + req.URL.RawQuery + "\nbody"))
			require.Equal(t, hex.EncodeToString(mac.Sum(nil)), req.Header.Get("X-Sig"))
		}
	})
}

func TestAParameterIsTheLastOfItsQuery(t *testing.T) {
	step := auth.HMAC{Key: auth.Static("k"), Query: "s", Params: map[string]auth.Part{"b c": auth.PartText("/ "), "a": auth.PartMethod}, Parts: []auth.Part{auth.PartText("x")}, Value: []auth.Part{auth.PartText("sig"), auth.PartMAC}}
	for query, want := range map[string]string{
		"":          "a=GET&b%20c=%2F%20&s=sig",
		"x=1&&y":    "x=1&y&a=GET&b%20c=%2F%20&s=sig",
		"b+c=2&x=1": "x=1&a=GET&b%20c=%2F%20&s=sig",
		"%zz&a=1":   "%zz&a=GET&b%20c=%2F%20&s=sig",
	} {
		rt := &api{}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, home, nil)
		require.NoError(t, err)
		req.URL.RawQuery = query
		_, err = (&http.Client{Transport: middleware.Stack{step}.RoundTripper(rt)}).Do(req)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(rt.last(t).URL.RawQuery, want), rt.last(t).URL.RawQuery)
		require.Len(t, rt.last(t).URL.RawQuery, len(want)+64)
		require.Equal(t, query, req.URL.RawQuery, "the caller's URL stays")
	}
}

func TestHMACSignsWhatTheOtherStepsWrite(t *testing.T) {
	rt := &api{}
	late := middleware.Func("zz-late", middleware.Auth, func(req *http.Request, next middleware.Next) (*http.Response, error) {
		req = middleware.Mutable(req)
		req.Header.Set("X-Late", "late")
		return next(req)
	})
	c := client(t, rt, auth.HMAC{
		Key: auth.Static("k"), Header: "X-Sig", Parts: []auth.Part{auth.PartBody},
		Value: []auth.Part{auth.PartHeader("X-Key"), auth.PartHeader("X-Late"), auth.PartHeader("Authorization"), auth.PartText("|"), auth.PartMAC},
	}, late, auth.APIKey{Header: "X-Key", Key: auth.Static("key")}, bearer)
	_, err := c.R().Get("/")
	require.NoError(t, err)
	text, _ := withoutMAC(rt.last(t).Header.Get("X-Sig"))
	require.Equal(t, "keylateBearer "+rt.last(t).Header.Get("Authorization")[len("Bearer "):], text)
	require.True(t, strings.HasSuffix(middleware.Of(c).String(), "auth  hmac           X-Sig by SHA-256, key static, only https://api.home.test"), middleware.Of(c).String())
}

func TestHMACStaysAtItsOriginAndLeavesTheCallersSignature(t *testing.T) {
	byHeader := auth.HMAC{Key: auth.Static("k"), Header: "X-Sig", Parts: []auth.Part{auth.PartPath}, Fields: map[string]auth.Part{"X-Time": auth.PartUnix}}
	byQuery := auth.HMAC{Key: auth.Static("k"), Query: "sig", Parts: []auth.Part{auth.PartPath}}
	rt := &api{answer: redirects("https://files.test/")}
	_, err := client(t, rt, byHeader).R().Get("/leave")
	require.NoError(t, err)
	require.NotEmpty(t, rt.seen[0].Header.Get("X-Sig"))
	require.Empty(t, rt.seen[1].Header.Get("X-Sig"))
	require.Empty(t, rt.seen[1].Header.Get("X-Time"))

	rt = &api{}
	_, err = client(t, rt, byHeader).R().SetHeader("x-sig", "mine").Get("/")
	require.NoError(t, err)
	require.Equal(t, "mine", rt.last(t).Header.Get("X-Sig"))
	require.Empty(t, rt.last(t).Header.Get("X-Time"))

	_, err = client(t, rt, byQuery).R().Get("/?sig=mine")
	require.NoError(t, err)
	require.Equal(t, "sig=mine", rt.last(t).URL.RawQuery)

	plain := resty.New().SetTransport(rt).SetBaseURL("http://api.home.test").SetLogger(silence{})
	require.NoError(t, middleware.Use(plain, byHeader))
	_, err = plain.R().Get("/")
	var insecure *auth.InsecureError
	require.ErrorAs(t, err, &insecure)
}

func TestHMACReplacesFieldsThatItSigns(t *testing.T) {
	rt := &api{}
	step := auth.HMAC{Key: auth.Static("k"), Header: "X-Sig", Parts: []auth.Part{auth.PartHeader("X-Id")}, Fields: map[string]auth.Part{"X-Id": auth.PartKeyID}, KeyID: "ours"}
	c := client(t, rt, step)
	r := c.R()
	r.Header["x-id"] = []string{"theirs"}
	_, err := r.Get("/")
	require.NoError(t, err)
	require.Equal(t, []string{"ours"}, rt.last(t).Header["X-Id"])
	require.Len(t, fieldNames(rt.last(t), "X-Id"), 1)
}

func TestHMACDoesNotSendWhatItCannotSign(t *testing.T) {
	whole := auth.HMAC{Key: auth.Static("k"), Header: "X-Sig", Parts: []auth.Part{auth.PartBody}}
	with := func(change func(*auth.HMAC)) auth.HMAC {
		step := whole
		change(&step)
		return step
	}
	broken := errors.New("no")
	tests := []struct {
		name string
		step auth.HMAC
		want string
	}{
		{"a body of one reading", whole, "hmac: Parts: the body can be read only once, and a signature reads it before it is sent: give it as bytes, or set GetBody"},
		{"an empty key", with(func(h *auth.HMAC) { h.Key = auth.Func(sourceOf("")) }), "hmac: Key: the secret is empty"},
		{"a key in another encoding", with(func(h *auth.HMAC) { h.Key, h.KeyEncoding = auth.Func(sourceOf("s3cret!")), auth.Base64 }), "hmac: Key: the secret is no base64: set KeyEncoding to what it is"},
		{"a part that fails", with(func(h *auth.HMAC) {
			h.Parts = []auth.Part{auth.PartFunc(func(*http.Request) ([]byte, error) { return nil, broken })}
		}), "hmac: Parts: no"},
		{"a field with a line end", with(func(h *auth.HMAC) {
			h.Parts, h.Fields = []auth.Part{auth.PartMethod}, map[string]auth.Part{"X-A": auth.PartText("a\r\nX-B: b")}
		}), "hmac: Fields: X-A: the header value has a control character at byte 1"},
		{"a value with a line end", with(func(h *auth.HMAC) {
			h.Parts, h.Value = []auth.Part{auth.PartMethod}, []auth.Part{auth.PartText("a\n"), auth.PartMAC}
		}), "hmac: Value: the header value has a control character at byte 1"},
		{"a parameter that fails", with(func(h *auth.HMAC) { h.Params = map[string]auth.Part{"b": auth.PartBody} }), "hmac: Params: b: the body can be read only once"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt := &api{}
			c := &http.Client{Transport: middleware.Stack{tt.step}.RoundTripper(rt)} // resty reads bodies of one reading itself
			_, err := c.Post(home, "text/plain", io.MultiReader(strings.NewReader("once")))
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, shown(err), "s3cret")
			require.Zero(t, rt.count())
		})
	}
}

func TestUseRefusesAnHMACThatCannotSign(t *testing.T) {
	whole := auth.HMAC{Key: auth.Static("s3cret"), Header: "X-Sig", Parts: []auth.Part{auth.PartBody}}
	tests := []struct {
		name   string
		change func(*auth.HMAC)
		want   string
	}{
		{"no place", func(h *auth.HMAC) { h.Header = "" }, "neither Header nor Query says where the signature goes"},
		{"two places", func(h *auth.HMAC) { h.Query = "sig" }, "both Header and Query are set: use one"},
		{"no header", func(h *auth.HMAC) { h.Header = "X Sig" }, "the header name \"X Sig\" has a character that no header name may have"},
		{"no parts", func(h *auth.HMAC) { h.Parts = nil }, "Parts is empty: say what is signed, such as auth.PartBody"},
		{"a nil part", func(h *auth.HMAC) { h.Parts = []auth.Part{nil} }, "Parts: a part is nil"},
		{"no part", func(h *auth.HMAC) { h.Parts = []auth.Part{auth.PartKind(99)} }, "Parts: auth.PartKind(99) is none: use one of its constants"},
		{"itself", func(h *auth.HMAC) { h.Parts = []auth.Part{auth.PartJoin("", auth.PartMAC)} }, "Parts: auth.PartMAC is the signature itself: it stands in Value alone"},
		{"itself in a field", func(h *auth.HMAC) { h.Fields = map[string]auth.Part{"X-A": auth.PartMAC} }, "Fields: auth.PartMAC is the signature itself"},
		{"a field of no name", func(h *auth.HMAC) { h.Fields = map[string]auth.Part{"Host": auth.PartHost} }, "Fields: net/http does not take Host from the header"},
		{"a nil parameter", func(h *auth.HMAC) { h.Params = map[string]auth.Part{"a": nil} }, "Params: a part is nil"},
		{"a nil function", func(h *auth.HMAC) { h.Value = []auth.Part{auth.PartFunc(nil), auth.PartMAC} }, "Value: the function of auth.PartFunc is nil"},
		{"a value without it", func(h *auth.HMAC) { h.Value = []auth.Part{auth.PartJoin("", auth.PartUnix)} }, "Value has no auth.PartMAC: the signature would not be sent"},
		{"a hash that is not there", func(h *auth.HMAC) { h.Hash = crypto.MD4 }, "the hash MD4 is not linked in: import its package"},
		{"a digest that is not there", func(h *auth.HMAC) { h.Parts = []auth.Part{auth.PartDigest(crypto.MD4, auth.Hex)} }, "Parts: the hash MD4 is not linked in: import its package"},
		{"no encoding", func(h *auth.HMAC) { h.Encoding = 9 }, "Encoding: use Hex, Base64, Base64URL, Raw or 0"},
		{"no key", func(h *auth.HMAC) { h.Key = nil }, "Key is nil: give auth.Env"},
		{"an empty key", func(h *auth.HMAC) { h.Key = auth.Static("") }, "Key: the secret is empty"},
		{"a key in another encoding", func(h *auth.HMAC) { h.KeyEncoding = auth.Hex }, "Key: the secret is no hex: set KeyEncoding to what it is"},
		{"no origin", func(h *auth.HMAC) { h.Origins = []string{"x"} }, `Origins: "x" is no origin`},
	}
	require.NoError(t, middleware.Use(resty.New(), whole))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step := whole
			tt.change(&step)
			err := middleware.Use(resty.New(), step)
			require.ErrorContains(t, err, "hmac: "+tt.want)
			require.NotContains(t, err.Error(), "s3cret")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestHMACShowsNeitherItsKeyNorItsSignature(t *testing.T) {
	step := auth.HMAC{Key: auth.Static(odd + "hmac"), Header: "X-Sig", Parts: []auth.Part{auth.PartPath}}
	mac := hmac.New(sha256.New, []byte(odd+"hmac"))
	mac.Write([]byte("/"))
	hidden := secretive{step, []string{odd + "hmac", hex.EncodeToString(mac.Sum(nil))}}
	rt := &api{answer: func(req *http.Request) (*http.Response, error) {
		return reply(req, 400, "text/plain", "you sent "+req.Header.Get("X-Sig")+" for "+odd+"hmac"), nil
	}}
	_, err := client(t, rt, step, middleware.RequireStatus{}).R().Get("/")
	require.ErrorContains(t, err, "400")
	hidden.requireSilent(t, "the error", shown(err))
	hidden.requireSilent(t, "the step", printed(step))
	hidden.requireSilent(t, "the step as JSON", string(quoteAny(step)))
}

func TestHMACKeepsTheContract(t *testing.T) {
	base := auth.HMAC{Key: auth.Static("k"), Parts: []auth.Part{auth.PartURL, auth.PartNonce, auth.PartUnix}, Fields: map[string]auth.Part{"X-Time": auth.PartUnix}}
	header, query, body := base, base, base
	header.Header, query.Query, body.Header = "X-Sig", "sig", "X-Sig"
	query.Params = map[string]auth.Part{"ts": auth.PartUnix}
	body.Parts = []auth.Part{auth.PartBody}
	for name, step := range map[string]auth.HMAC{"header": header, "query": query, "body": body} {
		t.Run(name, func(t *testing.T) { middlewaretest.Run(t, func() middleware.Middleware { return step }) })
	}
}
