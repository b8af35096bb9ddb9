public import Inference

/// What a network stage turned out to be for one image: what `explain` shows and reports record.
public struct NetworkReport: Sendable {
    public struct Halo: Sendable, Hashable {
        public var left, right, top, bottom: Int

        func covers(_ other: Halo) -> Bool { left >= other.left && right >= other.right && top >= other.top && bottom >= other.bottom }
    }

    /// `local`, `block`, `global` or `unknown`.
    public var kind: String
    /// Output pixels per input pixel, as text: `4`, `1/2`.
    public var scale: (x: String, y: String)
    public var stride: (x: Int, y: Int)
    public var halo: Halo
    /// Input pixels of a tile; the image's own size where it is run whole.
    public var tile: (width: Int, height: Int)
    public var tiles: Int
    /// Tiles computed at the same time; they share the threads.
    public var streams: Int
    public var isWhole: Bool
    /// Whether a halo that the user gave, or that was measured, overrules the derived one.
    public var isApproximate: Bool
    public var precision: Precision
    /// Why `auto` chose it; nil where it was asked for.
    public var precisionReason: String?
    public var device: String
    /// Bytes that one run needs, roughly.
    public var memory: Int
    /// The nodes that keep the network from being tiled, with reasons; those that are synchronised, where there are passes.
    public var deciding: [String]
    /// Of a measured halo (`MeasuredHalo`): the largest difference from the exact result that was seen, in code values of 8 bits.
    public var haloError: Double?
    /// How often the picture is read for the network's statistics over the whole of it, before the tiles.
    public var passes = 0
    /// The operations of all passes and tiles over those of one run on the whole picture; nil where they cannot be counted, or there are no passes.
    public var work: Double?
}
