extension PixelStage {
    /// What the stage makes of a picture, computed in tiles of that size, or in one: the smallest host there is, for tests.
    ///
    /// Like the real one it hands each call exactly the pixels that the plan asks for, so a stage that reads more traps in a debug
    /// build, and one that depends on how the picture is cut up gives another result in tiles:
    ///
    /// ```swift
    /// #expect(try stage.run(on: picture, tile: (5, 3)) == stage.run(on: picture))
    /// ```
    ///
    /// For stages that take floats and have no other required input. The plan's alignment is not applied: give a tile that keeps it.
    public func run(on picture: TestPicture, tile: (width: Int, height: Int)? = nil) throws(StageError) -> TestPicture {
        let others = Self.inputs.dropFirst().map { (name: $0.name, element: ImageInfo?.none) }
        let plan = try plan(Inputs(picture.info, others: others))
        guard plan.output.format == .float32, let reach = plan.reach.first else {
            throw .unsupported("a stage is tested with floats and a reach; the plan has \(plan.output.format) and \(plan.reach.count) reaches")
        }
        var result = TestPicture(info: plan.output)
        let step = plan.needsWholeImage ? nil : tile
        let width = step?.width ?? plan.output.width, height = step?.height ?? plan.output.height
        for y in stride(from: 0, to: plan.output.height, by: height) {
            for x in stride(from: 0, to: plan.output.width, by: width) {
                let rect = Rect(x: x, y: y, width: min(width, plan.output.width - x), height: min(height, plan.output.height - y))
                let source = plan.needsWholeImage ? picture.info.bounds : reach.source(of: rect, in: picture.info, plan.edge)
                try process(rect, of: &result, from: source, of: picture, Job(plan: plan))
            }
        }
        return result
    }

    /// One call: the tile `rect` of the result, from the pixels `source` of the picture.
    private func process(_ rect: Rect, of result: inout TestPicture, from source: Rect, of picture: TestPicture, _ job: Job) throws(StageError) {
        let samples = picture.samples(in: source, job.plan.edge), bands = (picture.info.bands, result.info.bands)
        let input = UnsafeMutableBufferPointer<Float>.allocate(capacity: samples.count)
        let output = UnsafeMutableBufferPointer<Float>.allocate(capacity: rect.width * rect.height * bands.1)
        defer {
            input.deallocate()
            output.deallocate()
        }
        _ = input.initialize(from: samples)
        output.initialize(repeating: .nan)
        guard let from = input.baseAddress, let to = output.baseAddress else { throw .geometry("the picture has no pixels") }
        let tile = Tile(image: picture.info, rect: source, base: UnsafeRawPointer(from),
                        strides: Tile.Strides(row: source.width * bands.0 * 4, column: bands.0 * 4, band: 4))
        let target = MutableTile(image: result.info, rect: rect, base: UnsafeMutableRawPointer(to),
                                 strides: Tile.Strides(row: rect.width * bands.1 * 4, column: bands.1 * 4, band: 4))
        try process(Inputs(tile, others: Self.inputs.dropFirst().map { ($0.name, nil) }), into: target, job: job)
        var next = 0
        for y in rect.rows {
            for x in rect.columns {
                for band in 0..<bands.1 {
                    result[x, y, band] = output[next]
                    next += 1
                }
            }
        }
    }
}

extension Reach {
    /// The input pixels that a rectangle of the output reads, clipped at the image where the edge mode clips.
    fileprivate func source(of rect: Rect, in image: ImageInfo, _ edge: EdgeMode) -> Rect {
        let columns = span(rect.columns, scaleX, left, right), rows = span(rect.rows, scaleY, top, bottom)
        let x = edge == .clip ? columns.clamped(to: 0..<image.width) : columns
        let y = edge == .clip ? rows.clamped(to: 0..<image.height) : rows
        return Rect(x: x.lowerBound, y: y.lowerBound, width: x.count, height: y.count)
    }

    private func span(_ output: Range<Int>, _ scale: Scale, _ before: Int, _ after: Int) -> Range<Int> {
        let first = output.lowerBound * scale.denominator / scale.numerator
        let last = (output.upperBound - 1) * scale.denominator / scale.numerator
        return first - before..<last + after + 1
    }
}

extension TestPicture {
    /// The samples of a rectangle that may reach past the picture.
    fileprivate func samples(in rect: Rect, _ edge: EdgeMode) -> [Float] {
        var result: [Float] = []
        for y in rect.rows {
            for x in rect.columns {
                let place = (x: fold(x, info.width, edge), y: fold(y, info.height, edge))
                for band in 0..<info.bands {
                    if let x = place.x, let y = place.y { result.append(self[x, y, band]) } else { result.append(0) }
                }
            }
        }
        return result
    }
}

/// Where a position past the picture is read; `nil`: it is zero.
private func fold(_ position: Int, _ extent: Int, _ edge: EdgeMode) -> Int? {
    if position >= 0 && position < extent { return position }
    switch edge {
    case .zero: return nil
    case .clip, .replicate: return min(max(position, 0), extent - 1)
    case .reflect:
        guard extent > 1 else { return 0 }
        let period = 2 * extent - 2, place = ((position % period) + period) % period
        return place < extent ? place : period - place
    }
}
