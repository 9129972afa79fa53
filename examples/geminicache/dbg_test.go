package main
import ("testing";"context";"fmt";"github.com/skinflint-go/skinflint/transport/llmtest")
func TestDbg(t *testing.T){
 set:=settings{model:"gemini-2.5-flash",ttl:300e9,key:"AI-k",book:"A book."}
 for i:=0;i<4000;i++{set.book+=" it is long"}
 s:=&simulation{t}
 err:=s.ask(set,func(ctx context.Context,to *clients,p *llmtest.Server)error{
  _,err:=to.askAll(ctx,set,pause)
  for _,r:=range to.stack.Rows(){fmt.Printf("%s %q\n",r.Operation,r.Skipped)}
  for i,r:=range p.Requests(){ if i>0&&i<4 {b:=string(r.Body); if len(b)>900 {b=b[:300]+"....."+b[len(b)-500:]}; fmt.Println(r.Method,r.Path,b)}}
  return err
 })
 fmt.Println(err)
}
