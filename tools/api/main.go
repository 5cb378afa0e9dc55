// Command api prints the exported API of a module: one line for each name, sorted,
// so that a change of the API is a visible change of api.txt.
//
//	go -C tools run ./api .. > api.txt
//
// It leaves out commands, internal packages and examples.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	"go/types"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	dir := "."
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := run(os.Stdout, dir); err != nil {
		fmt.Fprintln(os.Stderr, "api:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, dir string) error {
	mode := packages.NeedName | packages.NeedImports | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo
	pkgs, err := packages.Load(&packages.Config{Mode: mode, Dir: dir}, "./...")
	if err != nil {
		return err
	}
	for _, pkg := range pkgs {
		for _, e := range pkg.Errors {
			err = errors.Join(err, e)
		}
	}
	if err != nil {
		return err
	}
	pkgs = slices.DeleteFunc(pkgs, hidden)
	slices.SortFunc(pkgs, func(a, b *packages.Package) int { return strings.Compare(a.PkgPath, b.PkgPath) })
	out := bufio.NewWriter(w)
	for i, pkg := range pkgs {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, "package", pkg.PkgPath)
		p := printer{out, pkg}
		for _, name := range pkg.Types.Scope().Names() { // sorted by name
			p.object(pkg.Types.Scope().Lookup(name))
		}
	}
	return out.Flush()
}

// hidden tells a package that nobody imports: a command, or one of tests only.
func hidden(pkg *packages.Package) bool {
	path := "/" + pkg.PkgPath + "/"
	return pkg.Name == "main" || pkg.Types == nil || len(pkg.Syntax) == 0 ||
		strings.Contains(path, "/internal/") || strings.Contains(path, "/examples/")
}

type printer struct {
	io.Writer
	pkg *packages.Package
}

func (p printer) object(obj types.Object) {
	if !obj.Exported() {
		return
	}
	switch obj := obj.(type) {
	case *types.Const:
		fmt.Fprintf(p, "const %s %s = %s\n", obj.Name(), p.text(obj.Type()), obj.Val())
	case *types.Var:
		fmt.Fprintf(p, "var %s %s\n", obj.Name(), p.text(obj.Type()))
	case *types.Func:
		fmt.Fprintf(p, "func %s%s\n", obj.Name(), p.signature(obj))
	case *types.TypeName:
		p.typeName(obj)
	}
}

func (p printer) typeName(obj *types.TypeName) {
	if obj.IsAlias() {
		fmt.Fprintf(p, "type %s = %s\n", obj.Name(), p.text(types.Unalias(obj.Type())))
		return
	}
	var lines []string
	switch under := obj.Type().Underlying().(type) {
	case *types.Struct:
		fmt.Fprintf(p, "type %s struct\n", p.text(obj.Type()))
		lines = append(p.fields(under), p.methods(obj.Type())...)
	case *types.Interface:
		fmt.Fprintf(p, "type %s interface\n", p.text(obj.Type()))
		lines = p.members(under)
	default:
		fmt.Fprintf(p, "type %s %s\n", p.text(obj.Type()), p.text(p.written(obj)))
		lines = p.methods(obj.Type())
	}
	for _, line := range lines {
		fmt.Fprintf(p, "\t%s\n", line)
	}
}

func (p printer) fields(s *types.Struct) []string {
	var lines []string
	private := false
	for f := range s.Fields() {
		switch {
		case !f.Exported():
			private = true
		case f.Embedded():
			lines = append(lines, p.text(f.Type()))
		default:
			lines = append(lines, f.Name()+" "+p.text(f.Type()))
		}
	}
	slices.Sort(lines)
	if private {
		lines = append(lines, "// has unexported fields")
	}
	return lines
}

// methods lists what can be called on an addressable value, promoted methods too.
func (p printer) methods(t types.Type) []string {
	var lines []string
	values := types.NewMethodSet(t)
	for m := range types.NewMethodSet(types.NewPointer(t)).Methods() { // sorted by name
		fn, ok := m.Obj().(*types.Func)
		if !ok || !fn.Exported() {
			continue
		}
		receiver := types.TypeString(t, p.qualify)
		if values.Lookup(fn.Pkg(), fn.Name()) == nil {
			receiver = "*" + receiver
		}
		lines = append(lines, "func ("+receiver+") "+fn.Name()+p.signature(fn))
	}
	return lines
}

func (p printer) members(t *types.Interface) []string {
	var lines []string
	private := false
	for fn := range t.ExplicitMethods() {
		if fn.Exported() {
			lines = append(lines, fn.Name()+p.signature(fn))
		}
		private = private || !fn.Exported()
	}
	for e := range t.EmbeddedTypes() {
		lines = append(lines, p.text(e))
	}
	slices.Sort(lines)
	if private {
		lines = append(lines, "// has unexported methods")
	}
	return lines
}

// written is the type on the right of a declaration: time.Duration rather than int64.
func (p printer) written(obj *types.TypeName) types.Type {
	t := obj.Type().Underlying()
	for _, file := range p.pkg.Syntax {
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && p.pkg.TypesInfo.Defs[spec.Name] == obj {
				t = p.pkg.TypesInfo.TypeOf(spec.Type)
			}
			return true
		})
	}
	return t
}

func (p printer) signature(fn *types.Func) string {
	return strings.TrimPrefix(p.text(fn.Signature()), "func")
}

func (p printer) text(t types.Type) string { return types.TypeString(t, p.qualify) }

func (p printer) qualify(other *types.Package) string {
	if other == p.pkg.Types {
		return ""
	}
	return other.Name()
}
