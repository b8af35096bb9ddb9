/// The rectangles in which a pixel stage that reads neighbours computes its output.
struct PixelCells: Sendable {
    /// Output pixels of a cell; the last of a row or column may be smaller.
    let width: Int
    let height: Int
    private let output: PluginImage

    /// The stage's own wish, or squares that its halo does not dwarf, on the alignment grid.
    init(_ plan: PluginPlan, _ output: PluginImage) {
        self.output = output
        guard !plan.needsWholeImage, let reach = plan.reach.first else {
            (width, height) = (output.width, output.height)
            return
        }
        func size(_ halo: Int, _ scale: PluginReach.Scale, _ alignment: Int, _ wanted: Int?, _ whole: Int) -> Int {
            // A wish for tiles of one pixel is not worth its calls.
            let input = max(wanted.map { $0 - halo } ?? max(256, 2 * halo), 32)
            // A multiple of the alignment, and of the denominator, has a whole number of output pixels.
            let step = alignment * scale.denominator
            let aligned = (input + step - 1) / step * step
            return max(1, min(whole, aligned / scale.denominator * scale.numerator))
        }
        width = size(reach.left + reach.right, reach.scaleX, plan.alignment.x, plan.preferredTile?.width, output.width)
        height = size(reach.top + reach.bottom, reach.scaleY, plan.alignment.y, plan.preferredTile?.height, output.height)
    }

    var columns: Int { (output.width + width - 1) / width }
    var rows: Int { (output.height + height - 1) / height }
    var isWhole: Bool { columns == 1 && rows == 1 }

    func rect(_ column: Int, _ row: Int) -> PluginRect {
        PluginRect(x: column * width, y: row * height, width: min(width, output.width - column * width), height: min(height, output.height - row * height))
    }

    /// The first row of the first input that a row of cells reads.
    func firstRow(_ plan: PluginPlan, _ row: Int) -> Int { max(0, plan.inputRect(0, for: rect(0, row))?.y ?? 0) }

    /// Rows of the first input that a row of cells reads, where it is not cut off.
    func rowsRead(_ plan: PluginPlan) -> Int {
        plan.reach.first?.input(for: PluginRect(x: 0, y: 0, width: width, height: height)).height ?? output.height
    }
}
