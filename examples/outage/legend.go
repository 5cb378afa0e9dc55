package main

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// drawHead says above the panels what the colours mean, side by side.
func drawHead(area draw.Canvas, text draw.TextStyle) {
	text.XAlign, text.YAlign = draw.XLeft, draw.YCenter
	text.Font.Size = vg.Points(11)
	middle, at := area.Center().Y, area.Min.X
	for _, entry := range []struct {
		name  string
		color color.Color
		width vg.Length
	}{
		{"offered load: requests that arrive", offeredColor(), vg.Points(2)},
		{"goodput: calls that succeed", goodColor(), vg.Points(2)},
		{"outage", outageColor(), vg.Points(11)},
	} {
		area.StrokeLine2(draw.LineStyle{Color: entry.color, Width: entry.width}, at, middle, at+vg.Centimeter, middle)
		at += vg.Centimeter + gap/2
		area.FillText(text, vg.Point{X: at, Y: middle}, entry.name)
		at += text.Width(entry.name) + 2*gap
	}
}
