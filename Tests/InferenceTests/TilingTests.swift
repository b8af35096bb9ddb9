import Testing
@testable import Inference

/// Tiles against the whole, on random networks of every kind that can be tiled.
@Suite struct TilingEqualsTheWhole {
    /// A network of 1 to 4 layers. U-nets only where `even` says that the size will be extended for them.
    private func network(_ noise: inout Noise, unet: Bool) -> LineNetwork {
        var layers: [LineNetwork.Layer] = []
        for _ in 0..<Int.random(in: 1...4, using: &noise) {
            let weights = { (noise: inout Noise, count: Int) in (0..<count).map { _ in Double(noise.float()) } }
            switch Int.random(in: 0..<(unet ? 3 : 6), using: &noise) {
            case 0: layers.append(.convolution(weights(&noise, 3), stride: 1, padding: 1, dilation: 1))
            case 1: layers.append(.convolution(weights(&noise, 5), stride: 1, padding: 4, dilation: 2))
            case 2: layers.append(unet ? .unet(weights(&noise, 3)) : .convolution(weights(&noise, 3), stride: 1, padding: 0, dilation: 1))
            case 3: layers.append(.convolution(weights(&noise, Int.random(in: 1...4, using: &noise)), stride: 2, padding: Int.random(in: 0...2, using: &noise), dilation: 1))
            case 4: layers.append(.transposed(weights(&noise, Int.random(in: 2...4, using: &noise)), stride: 2, padding: Int.random(in: 0...1, using: &noise)))
            default: layers.append(.window(Int.random(in: 2...3, using: &noise)))
            }
        }
        return LineNetwork(layers: layers)
    }

    /// 1 to 3, below the halo, around the tile, primes, multiples and their neighbours.
    private func sizes(_ geometry: AxisGeometry, tile: Int) -> Set<Int> {
        let halo = geometry.haloBefore + geometry.haloAfter
        let all = [1, 2, 3, halo - 1, halo, halo + 1, tile - 1, tile, tile + 1, tile + geometry.alignment, 2 * tile - 1, 2 * tile, 3 * tile + 1, 53, 131]
        return Set(all.filter { $0 > 0 })
    }

    @Test(arguments: UInt64(0)..<200)
    func `random networks give the same in tiles, at every awkward size`(seed: UInt64) throws {
        var noise = Noise(seed: seed)
        let unet = seed % 4 == 0
        let network = network(&noise, unet: unet)
        let geometry = try network.geometry()
        var tilings = 0
        for steps in [1, 2, 7] {
            let tile = geometry.haloBefore + geometry.haloAfter + steps * geometry.alignment
            for size in sizes(geometry, tile: tile) {
                // A U-net takes even sizes: what the host extends an image for.
                let size = unet ? size.roundedUp(to: geometry.alignment) : size
                let input = (0..<size).map { _ in Double(noise.float()) }
                let whole = network(input)
                guard !whole.isEmpty else { continue }
                let axis = try TileAxis(size: size, outputSize: whole.count, geometry: geometry, tile: tile + Int.random(in: 0..<geometry.alignment, using: &noise))
                for axis in [axis, axis.balanced()] {
                    // A Bool of its own: a failure should print the case, not hundreds of numbers.
                    let equal = network.tiled(input, axis) == whole
                    #expect(equal, "size \(size), tile \(axis.tile), \(geometry), \(network)")
                }
                tilings += axis.count > 1 ? 1 : 0
            }
        }
        #expect(tilings > 0 || network(.init(repeating: 0, count: 500)).isEmpty)
    }

    /// The test of the test: were the halo too large everywhere, the one above would pass whatever the tiles did.
    @Test func `a halo one pixel short shows`() throws {
        let network = LineNetwork(layers: [.convolution([0.5, -1, 0.25], stride: 1, padding: 1, dilation: 1), .convolution([1, 0.5, -0.5], stride: 1, padding: 1, dilation: 1)])
        let exact = try network.geometry()
        #expect(exact.haloBefore == 2 && exact.haloAfter == 2)
        let short = try AxisGeometry(haloBefore: 1, haloAfter: 2)
        var noise = Noise(seed: 3)
        let input = (0..<40).map { _ in Double(noise.float()) }
        let axis = try TileAxis(size: 40, outputSize: 40, geometry: short, tile: 13)
        #expect(network.tiled(input, axis) != network(input))
    }
}

@Suite struct TileAxisTests {
    @Test(arguments: [(1, 1, 1), (4, 1, 1), (1, 2, 2), (1, 1, 8), (3, 2, 6)], [(0, 0), (1, 2), (18, 18), (5, 0)])
    func `every output pixel is kept once and no tile leaves the image`(scale: (Int, Int, Int), halo: (Int, Int)) throws {
        let geometry = try AxisGeometry(scaleNumerator: scale.0, scaleDenominator: scale.1, alignment: scale.2, haloBefore: halo.0, haloAfter: halo.1)
        for tile in [geometry.smallestTile, geometry.smallestTile + 31, 96] where tile >= geometry.smallestTile {
            for size in 1...211 {
                let output = (size * scale.0 + scale.1 - 1) / scale.1
                let axis = try TileAxis(size: size, outputSize: output, geometry: geometry, tile: tile)
                let tiles = axis.tiles
                #expect(tiles.flatMap { Array($0.keep) } == Array(0..<output))
                for (index, tile) in tiles.enumerated() {
                    #expect(tile.input.lowerBound >= 0 && tile.input.upperBound <= size && !tile.input.isEmpty)
                    #expect(tile.input.lowerBound % geometry.alignment == 0)
                    #expect(axis.lengths.contains(tile.input.count))
                    #expect(tile.keep.allSatisfy { axis.index(ofOutput: $0) == index })
                }
                #expect(axis.lengths.count == 1 || size % geometry.alignment != 0)
            }
        }
    }

    @Test func `tiles are where the drawing says`() throws {
        let geometry = try AxisGeometry(scaleNumerator: 2, haloBefore: 10, haloAfter: 10)
        let axis = try TileAxis(size: 250, outputSize: 500, geometry: geometry, tile: 100)
        #expect(axis.tiles.map(\.input) == [0..<100, 70..<170, 150..<250, 150..<250])
        #expect(axis.tiles.map(\.keep) == [0..<160, 160..<320, 320..<480, 480..<500])
        #expect(axis.tiles.map(\.keepOffset) == [0, 20, 20, 180])
        #expect(axis.recompute == 1.25)
        #expect(axis.computed == 400)
    }

    @Test func `an image no larger than a tile is one tile of its own size`() throws {
        let geometry = try AxisGeometry(alignment: 8, haloBefore: 100, haloAfter: 100)
        for size in [1, 7, 63, 64] {
            let axis = try TileAxis(size: size, outputSize: size, geometry: geometry, tile: 64)
            #expect(axis.isWhole && axis.tiles == [TileAxis.Tile(input: 0..<size, keep: 0..<size, keepOffset: 0)])
        }
    }

    @Test func `balanced tiles are as few and smaller`() throws {
        let geometry = try AxisGeometry(scaleNumerator: 4, haloBefore: 34, haloAfter: 34)
        let axis = try TileAxis(size: 1100, outputSize: 4400, geometry: geometry, tile: 1024)
        let balanced = axis.balanced()
        #expect(axis.count == 2 && axis.tile == 1024)
        #expect(balanced.count == 2 && balanced.tile == 618)
    }

    @Test func `a tile that is all halo is refused with the smallest that is not`() throws {
        let geometry = try AxisGeometry(alignment: 4, haloBefore: 17, haloAfter: 16)
        #expect(geometry.haloBefore == 20 && geometry.haloAfter == 16)
        let error = #expect(throws: TilingError.self) { try TileAxis(size: 500, outputSize: 500, geometry: geometry, tile: 39) }
        #expect(error?.reason == .tileTooSmall(smallest: 40))
        #expect(try TileAxis(size: 500, outputSize: 500, geometry: geometry, tile: 43).tile == 40)
    }

    @Test func `numbers that a hostile file may claim are refused or bounded`() throws {
        #expect(throws: TilingError.self) { try AxisGeometry(scaleNumerator: 0, haloBefore: 0, haloAfter: 0) }
        #expect(throws: TilingError.self) { try AxisGeometry(scaleDenominator: .max, haloBefore: 0, haloAfter: 0) }
        #expect(throws: TilingError.self) { try AxisGeometry(alignment: -1, haloBefore: 0, haloAfter: 0) }
        let endless = try AxisGeometry(scaleNumerator: 16384, scaleDenominator: 16383, alignment: 16384, haloBefore: .max, haloAfter: .max)
        #expect(throws: TilingError.self) { try TileAxis(size: 10_000, outputSize: 10_000, geometry: endless, tile: 5000) }
        let cropping = try AxisGeometry(haloBefore: -5, haloAfter: .min)
        #expect(cropping.haloBefore == 0 && cropping.haloAfter == 0)
        for (size, output) in [(0, 1), (1, 0), (-1, 5), (.max, 5), (5, .max)] {
            #expect(throws: TilingError.self) { try TileAxis(size: size, outputSize: output, geometry: cropping, tile: nil) }
        }
    }
}

@Suite struct TilePlanTests {
    /// 1000 bytes a pixel.
    private let memory = { (width: Int, height: Int) in width * height * 1000 }

    private func subject(_ width: Int, _ height: Int, halo: Int) throws -> TilePlan.Subject {
        let axis = try AxisGeometry(scaleNumerator: 4, haloBefore: halo, haloAfter: halo)
        return TilePlan.Subject(width: width, height: height, outputWidth: 4 * width, outputHeight: 4 * height, x: axis, y: axis)
    }

    @Test func `the whole image is run where it fits`() throws {
        let plan = try TilePlan.choose(for: subject(3000, 2000, halo: 34), budget: 6_000_000_000, memory: memory)
        #expect(plan.grid.isWhole && plan.memory == 6_000_000_000 && plan.grid.cost == 1)
    }

    @Test func `else the largest tile of the ladder that fits`() throws {
        let plan = try TilePlan.choose(for: subject(3000, 2000, halo: 34), budget: 600_000_000, memory: memory)
        #expect(plan.grid.x.count == 5 && plan.grid.y.count == 3)  // 768 - 68 = 700
        #expect(plan.memory <= 768 * 768 * 1000)
        #expect(plan.grid.x.tile == 668 && plan.grid.y.tile == 735)
    }

    @Test func `a low and wide image is cut along its width only`() throws {
        let plan = try TilePlan.choose(for: subject(10_000, 50, halo: 300), budget: 60_000_000, maximumRecompute: 2.5, memory: memory)
        #expect(plan.grid.y.isWhole && !plan.grid.x.isWhole)
    }

    @Test func `too small a budget is refused with what would be needed`() throws {
        let error = #expect(throws: TilingError.self) { try TilePlan.choose(for: subject(3000, 2000, halo: 18), budget: 10_000_000, memory: memory) }
        #expect(error?.reason == .memory(whole: 6_000_000_000, smallestTile: 192 * 192 * 1000, budget: 10_000_000))
        #expect(error?.message == "the network needs 5.6 GiB for the whole image of 3000 x 2000 and 35.2 MiB for the smallest tile, 192 x 192; the budget is 9.5 MiB")
    }

    @Test func `a halo too large for any tile is refused with the halo`() throws {
        let error = #expect(throws: TilingError.self) { try TilePlan.choose(for: subject(3000, 2000, halo: 349), budget: 2_000_000_000, memory: memory) }
        #expect(error?.message == """
            the network needs 5.6 GiB for the whole image of 3000 x 2000; the budget is 1.9 GiB, \
            and with a halo of 349 pixels no tile computes each pixel at most 1.6 times
            """)
    }

    @Test func `sizes of bytes are readable`() {
        #expect([0, 1023, 1024, 1536, 1 << 30, 5 << 40, .max].map(byteText) == ["0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "1 GiB", "5 TiB", "8388608 TiB"])
    }
}

@Suite struct ExtensionTests {
    /// What numpy.pad gives with mode "reflect" and "edge".
    private func naive(_ pixels: [Int], before: Int, after: Int) -> [Int] {
        var result = pixels
        let reflects = max(before, after) <= pixels.count - 1
        for step in 0..<max(before, after) {
            if step < after { result.append(reflects ? pixels[pixels.count - 2 - step] : pixels[pixels.count - 1]) }
            if step < before { result.insert(reflects ? pixels[step + 1] : pixels[0], at: 0) }
        }
        return result
    }

    @Test func `an axis is extended as a naive walk extends it`() {
        for size in 1...9 {
            for before in 0...10 {
                for after in 0...10 {
                    let axis = ExtensionAxis(size: size, before: before, after: after)
                    #expect(axis.map == naive(Array(0..<size), before: before, after: after), "size \(size), \(before) before, \(after) after")
                }
            }
        }
    }

    @Test func `reflection does not repeat the edge`() {
        #expect(ExtensionAxis(size: 5, toMultipleOf: 8).map == [0, 1, 2, 3, 4, 3, 2, 1])
    }

    @Test func `an axis too small to reflect is replicated`() {
        #expect(ExtensionAxis(size: 3, toMultipleOf: 8).map == [0, 1, 2, 2, 2, 2, 2, 2])
        #expect(ExtensionAxis(size: 1, toMultipleOf: 2).map == [0, 0])
    }

    @Test func `a multiple is left as it is`() {
        for size in [4, 8, 12] { #expect(ExtensionAxis(size: size, toMultipleOf: 4).isEmpty) }
        #expect(ExtensionAxis(size: 13, toMultipleOf: 1).isEmpty)
    }
}
