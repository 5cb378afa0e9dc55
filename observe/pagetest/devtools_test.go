package pagetest_test
import ("testing";"github.com/chromedp/chromedp")
func TestX(t *testing.T){
 b:=open(t)
 b.do(chromedp.Navigate("devtools://devtools/bundled/devtools_app.html"))
 t.Log(eval[string](b,`location.href + " " + document.title`))
 t.Log(eval[string](b,`(async()=>{try{const m=await import("devtools://devtools/bundled/models/har/har.js");return Object.keys(m).join()}catch(e){return String(e)}})()`))
}
