internal import Vips

/// Runs a plug-in's pixel stage on tiles of a picture as a demand-driven libvips image.
struct PixelStageImage {
    let instance: StageInstance
    let context: ImageContext
    let stage: String

    /// - Parameter inputs: one per declared input; nil where an optional one is absent. The first is the running image.
    /// - Returns: the lazily computed result, with alpha joined again where the host split it off.
    func make(_ inputs: [Image?]) throws(StageError) -> Image {
        let declared = instance.stage.declared
        var doors: [PixelDoor?] = []
        var alpha: Image?
        for (index, given) in inputs.enumerated() {
            guard let given, index < declared.inputs.count else { doors.append(nil); continue }
            // With alpha, a picture is read beside the stage as well: one that is being decoded would come only once.
            let image = given.isStreamed && given.hasAlpha ? try kept(given) : given
            var taken = image
            let splits = image.hasAlpha && !declared.takesAlpha && (PictureScale(of: image) != .data || image.format.isInteger)
            if splits {
                taken = try ExtendedColours.of(image, isComputed: true, memoryBudget: context.memoryBudget)
                if index == 0 { alpha = try VipsStage.splitAlpha(image).alpha }
            }
            doors.append(try PixelDoor(taken, for: declared.inputs[index], keepsAlpha: declared.takesAlpha, stage: stage, context: context))
        }
        let plan = try instance.plan(doors.map { $0?.description })
        if plan.isApproximate { context.note("'\(stage)' says that its halo is approximate: tiles may show") }
        guard let output = plan.output, let first = doors.first ?? nil else { throw .host("the stage planned no output", stage: stage) }
        var result = try image(plan, output, doors, first)
        result = try ExtendedColours.forgotten(result)
        if let alpha, let original = inputs.first ?? nil { result = try joined(result, alpha, white: PictureScale(of: original).white) }
        return result
    }

    private func image(_ plan: PluginPlan, _ output: PluginImage, _ doors: [PixelDoor?], _ first: PixelDoor) throws(StageError) -> Image {
        let isPicture = output.space != .data
        let white = first.white
        let target = PixelTarget(output, white: isPicture ? white : nil)
        let renderer = PixelRenderer(plan: plan, doors: doors, target: target, output: output, context: context, stage: stage)
        let header = GeneratedHeader(width: output.width, height: output.height, bands: output.bands, format: target.format,
                                     interpretation: target.interpretation(first.image))
        let result = plan.goesPixelByPixel ? try inStrips(header, renderer) : try inCells(header, renderer)
        // Light and Lab have scales of their own.
        guard isPicture, target.format == .float, ![.scrgb, .lab].contains(header.interpretation), let white else { return result }
        do {
            return try result.settingFields([(PictureScale.field, .double(white)), (WholeSamples.field, .int(1))])
        } catch {
            throw .vips(error)
        }
    }

    /// A stage that reads no neighbours computes whatever is asked for, where it is wanted: nothing is kept.
    private func inStrips(_ given: GeneratedHeader, _ renderer: PixelRenderer) throws(StageError) -> Image {
        var header = given
        // Strips that stay in a core's cache until the next stage has read them.
        header.demand = header.width * renderer.bytesPerPixel * 16 <= Self.cachedBytes ? .fatStrip : .thinStrip
        do {
            let image = try Image.generated(header, from: renderer.images) { area, pixels, inputs in
                try renderer.reporting {
                    let rows = max(1, Self.cachedBytes / (area.width * renderer.bytesPerPixel))
                    for top in stride(from: area.top, to: area.top + area.height, by: rows) {
                        let rect = PluginRect(x: area.left, y: top, width: area.width, height: min(rows, area.top + area.height - top))
                        try renderer.render(rect, into: OutputPixels(base: pixels.base + (top - area.top) * pixels.rowStride, rowStride: pixels.rowStride), from: inputs)
                    }
                }
            }
            return try UncachedPixels.marked(image)
        } catch {
            throw .vips(error)
        }
    }

    /// About half of what a core keeps near it.
    private static let cachedBytes = 512 << 10

    /// A stage that reads neighbours computes cells, each once, and some ahead of the demand.
    ///
    /// libvips' own cache of tiles would do for the pixels; but its threads ask for parts of one cell, and all but one of them would wait for it.
    private func inCells(_ given: GeneratedHeader, _ renderer: PixelRenderer) throws(StageError) -> Image {
        var header = given
        header.demand = .fatStrip
        let grid = PixelCells(renderer.plan, renderer.output)
        let inputs = try renderer.images.map { (image) throws(StageError) -> any TileInput in
            if grid.isWhole { return RandomInput(image: image.isStreamed ? try kept(image) : image) }
            // A file that is being decoded is read in order. Two rows of cells: the one that is read, and the one ahead.
            return image.isStreamed ? StreamedInput(image, keptRows: 2 * grid.rowsRead(renderer.plan)) : RandomInput(image: try UncachedPixels.kept(image))
        }
        let canWorkAhead = !grid.isWhole && instance.stage.declared.threads == .free
        let workers = canWorkAhead ? VipsLibrary.concurrency - 1 : 0
        let watch = CellStore.Watch { _, row in for input in inputs { input.hold(from: grid.firstRow(renderer.plan, row)) } }
            ends: { _, row in for input in inputs { input.release(from: grid.firstRow(renderer.plan, row)) } }
        let context = context
        let cells = CellStore(columns: grid.columns, rows: grid.rows, workers: workers, ahead: 2 * workers, watch: watch, isCancelled: { context.isCancelled }) { column, row in
            let rect = grid.rect(column, row)
            let cell = CellPixels(area: Rect(left: rect.x, top: rect.y, width: rect.width, height: rect.height), bands: given.bands, bytesPerSample: given.format.bytesPerSample)
            try renderer.render(rect, into: OutputPixels(base: cell.bytes, rowStride: rect.width * cell.bytesPerPixel), from: TileInputs(inputs))
            return cell
        }
        context.atEnd { [weak cells] in cells?.close() }
        do {
            return try Image.generated(header, from: inputs.map(\.image)) { area, pixels, _ in
                try renderer.reporting {
                    try cells.read(area, columns: area.left / grid.width...(area.left + area.width - 1) / grid.width,
                                   rows: area.top / grid.height...(area.top + area.height - 1) / grid.height, into: pixels)
                }
            }
        } catch {
            throw .vips(error)
        }
    }

    /// The same pixels, to be read in any order, once somebody reads them.
    private func kept(_ image: Image) throws(StageError) -> Image {
        do { return try image.keptOnDemand(memoryBudget: context.memoryBudget) } catch { throw .vips(error) }
    }

    private func joined(_ result: Image, _ alpha: Image, white alphaWhite: Double?) throws(StageError) -> Image {
        guard case .picture(let white) = PictureScale(of: result) else { return result }
        var alpha = alpha
        alpha = try VipsStage.aligned(alpha, width: result.width, height: result.height, interpolator: "bicubic")
        let from = PictureScale.white(of: alpha.format) ?? alphaWhite ?? white
        if from != white { alpha = try VipsStage.unary("linear", alpha, ["a": .doubles([white / from]), "b": .doubles([0])]) }
        return try ExtendedColours.marked(try VipsStage.images("bandjoin", [result, try VipsStage.unary("cast", alpha, ["format": .string(result.format.rawValue)])]))
    }
}
