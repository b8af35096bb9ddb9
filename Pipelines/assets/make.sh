#!/bin/sh
# Makes the pictures of this folder with the `vips` command (libvips-tools) and a font of the system.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# mark.png: white letters with a soft dark edge, on nothing.
vips text "$work/text.v" "aquatint" --font "DejaVu Serif Italic" --width 600 --height 160
vips embed "$work/text.v" "$work/letters.v" 24 24 \
    $(($(vipsheader -f width "$work/text.v") + 48)) $(($(vipsheader -f height "$work/text.v") + 48))
vips gaussblur "$work/letters.v" "$work/soft.v" 6
vips linear "$work/soft.v" "$work/shadow.v" 0.7 0 --uchar
vips black "$work/black.v" "$(vipsheader -f width "$work/letters.v")" "$(vipsheader -f height "$work/letters.v")" --bands 3
vips copy "$work/black.v" "$work/dark.v" --interpretation srgb
vips linear "$work/dark.v" "$work/white.v" 1 255 --uchar
vips bandjoin "$work/dark.v $work/shadow.v" "$work/under.v"
vips bandjoin "$work/white.v $work/letters.v" "$work/over.v"
vips composite2 "$work/under.v" "$work/over.v" mark.png[compression=9,strip] over

# film-curve.png: y = x shaped per colour, 256 values.
vips identity "$work/x.v"
vips linear "$work/x.v" "$work/t.v" 0.00392156862745098 0
# a smooth s-curve 3t^2 - 2t^3, mixed with the straight line, then lifted and tinted
vips math2_const "$work/t.v" "$work/t2.v" pow 2
vips math2_const "$work/t.v" "$work/t3.v" pow 3
vips linear "$work/t2.v" "$work/a.v" 3 0
vips linear "$work/t3.v" "$work/b.v" -- -2 0
vips add "$work/a.v" "$work/b.v" "$work/s.v"
vips linear "$work/s.v" "$work/s1.v" 0.55 0
vips linear "$work/t.v" "$work/s2.v" 0.45 0
vips add "$work/s1.v" "$work/s2.v" "$work/curve.v"
vips linear "$work/curve.v" "$work/r.v" 238 14
vips linear "$work/curve.v" "$work/g.v" 230 14
vips linear "$work/curve.v" "$work/bl.v" 208 26
vips bandjoin "$work/r.v $work/g.v $work/bl.v" "$work/rgb.v"
vips rint "$work/rgb.v" "$work/rounded.v" 2>/dev/null || vips round "$work/rgb.v" "$work/rounded.v" rint
vips cast "$work/rounded.v" "$work/8bit.v" uchar
vips copy "$work/8bit.v" film-curve.png[compression=9,strip] --interpretation srgb
