package main

import (
	"bytes"
	"image/color"
	"os"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The measures of the picture.
const (
	panelWidth  = 8 * vg.Centimeter
	panelHeight = 5.6 * vg.Centimeter
	headHeight  = 1.2 * vg.Centimeter
	gap         = 4 * vg.Millimeter
	most        = 4.5 // capacities, at the top of a panel
)

// The colours: of what arrives, of what is of use, and of the outage.
func offeredColor() color.Color { return color.RGBA{R: 0xc8, G: 0x4b, B: 0x11, A: 0xff} }
func goodColor() color.Color    { return color.RGBA{R: 0x1f, G: 0x6f, B: 0xb2, A: 0xff} }
func goodFill() color.Color     { return color.RGBA{R: 0xcf, G: 0xe2, B: 0xf1, A: 0xff} }
func outageColor() color.Color  { return color.Gray{Y: 0xe6} }

// writePlot draws the offered load and the goodput of the server that hangs: in the first
// row the strategies without a budget, and then a row for each budget.
func writePlot(file string, results []result) error {
	panels, err := arrange(results)
	if err != nil {
		return err
	}
	rows, columns := len(panels), len(panels[0])
	width, height := vg.Length(columns)*panelWidth, vg.Length(rows)*panelHeight+headHeight
	canvas := vgsvg.New(width, height)
	page := draw.New(canvas)
	page.FillPolygon(color.White, []vg.Point{{}, {X: width}, {X: width, Y: height}, {Y: height}})
	drawHead(draw.Crop(page, gap, -gap, height-headHeight, 0), panels[0][0].Title.TextStyle)
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: gap, PadY: gap, PadLeft: gap, PadRight: gap, PadBottom: gap}
	for i, areas := range plot.Align(panels, tiles, draw.Crop(page, 0, 0, 0, -headHeight)) {
		for j, area := range areas {
			if panels[i][j] != nil {
				panels[i][j].Draw(area)
			}
		}
	}
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return err
	}
	return os.WriteFile(file, withFallback(text.Bytes()), 0o600)
}

// withFallback names a font for those who do not have the one of package plot.
func withFallback(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
}

// arrange makes the panels, in rows of the same length.
func arrange(results []result) ([][]*plot.Plot, error) {
	var rows [][]*plot.Plot
	columns, before := 0, ""
	for _, r := range results {
		if !r.plan.model.silent {
			continue
		}
		if r.row() != before {
			rows, before = append(rows, nil), r.row()
		}
		last := &rows[len(rows)-1]
		p, err := panel(r, len(*last) == 0)
		if err != nil {
			return nil, err
		}
		*last = append(*last, p)
		columns = max(columns, len(*last))
	}
	for i, row := range rows {
		rows[i] = append(row, make([]*plot.Plot, columns-len(row))...)
	}
	return rows, nil
}

// row is in which row of the picture a result stands.
func (r result) row() string {
	if r.strategy.budget == nil {
		return "without a budget"
	}
	return r.strategy.name
}

// panel draws one run.
func panel(r result, first bool) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = r.strategy.name
	if r.plan.clients > 0 {
		p.Title.Text += ", " + r.fleet() + " clients"
	}
	p.X.Label.Text = "time (s)"
	if first {
		p.Y.Label.Text = "units of capacity"
	}
	style(p)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, r.plan.until.Seconds(), 0, most
	p.X.Tick.Marker, p.Y.Tick.Marker = every(20, p.X.Max), every(1, p.Y.Max)
	outage, err := plotter.NewPolygon(plotter.XYs{{X: outageFrom.Seconds()}, {X: outageTo.Seconds()}, {X: outageTo.Seconds(), Y: most}, {X: outageFrom.Seconds(), Y: most}})
	if err != nil {
		return nil, err
	}
	outage.Color, outage.LineStyle.Width = outageColor(), 0
	good, err := line(r, goodColor(), func(s second) int { return s.good })
	if err != nil {
		return nil, err
	}
	good.FillColor = goodFill()
	offered, err := line(r, offeredColor(), func(s second) int { return s.sent })
	if err != nil {
		return nil, err
	}
	p.Add(outage, good, offered)
	return p, nil
}

// every is a tick at each multiple of a step.
func every(step int, to float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for at := 0; float64(at) <= to; at += step {
		ticks = append(ticks, plot.Tick{Value: float64(at), Label: strconv.Itoa(at)})
	}
	return ticks
}

// style sets the letters of a panel.
func style(p *plot.Plot) {
	for _, f := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font} {
		f.Variant, f.Size = "Sans", vg.Points(9)
	}
	p.Title.TextStyle.Font.Size = vg.Points(11)
	p.Title.Padding = vg.Points(4)
}

// line is something of each second, in capacities.
func line(r result, c color.Color, of func(second) int) (*plotter.Line, error) {
	points := make(plotter.XYs, r.record.until)
	for i, s := range r.record.seconds[:r.record.until] {
		points[i] = plotter.XY{X: float64(i) + 0.5, Y: float64(of(s)) / r.plan.capacity()}
	}
	l, err := plotter.NewLine(points)
	if err != nil {
		return nil, err
	}
	l.Color, l.Width = c, vg.Points(1.5)
	return l, nil
}
