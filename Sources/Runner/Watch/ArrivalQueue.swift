/// Images that arrived, until they are made: no image twice at the same time, and none again that is as it was.
final class ArrivalQueue: Sendable {
    private struct State {
        var waiting: [Int: PlannedImage] = [:]
        /// In which they are made, from `first` on. Those that were withdrawn may stand here, too.
        var order: [Int] = []
        var first = 0
        var inHand: Set<Int> = []
        /// What the file of an image was like when that was made last.
        var made: [Int: FileStatus] = [:]
        var isOver = false

        mutating func take() -> PlannedImage? {
            var taken: PlannedImage?
            // Those that wait until they are made: no more than are in hand.
            var kept: [Int] = []
            while taken == nil, first < order.count {
                let index = order[first]
                first += 1
                guard let image = waiting[index] else { continue }
                if inHand.insert(index).inserted {
                    waiting[index] = nil
                    taken = image
                } else if !kept.contains(index) {
                    kept.append(index)
                }
            }
            // They stand where others stood.
            first -= kept.count
            order.replaceSubrange(first..<(first + kept.count), with: kept)
            if first > 1024, first > order.count / 2 {
                order.removeFirst(first)
                first = 0
            }
            return taken
        }
    }

    private let state = Monitor(State())

    /// Puts an image at the end, unless it waits already. One that is being made is made again afterwards.
    func put(_ image: PlannedImage) {
        state.withLock { state in
            if state.waiting.updateValue(image, forKey: image.index) == nil { state.order.append(image.index) }
        }
    }

    /// Takes an image out that was not begun: its file is written to, or gone.
    func withdraw(_ index: Int) { state.withLock { $0.waiting[index] = nil } }

    /// Takes an image out whose file is gone, and forgets it.
    ///
    /// - Returns: false where it is being made: two of one name at the same time would write the same outputs.
    func forget(_ index: Int) -> Bool {
        state.withLock { state in
            state.waiting[index] = nil
            if state.inHand.contains(index) { return false }
            state.made[index] = nil
            return true
        }
    }

    func isMade(_ index: Int, _ status: FileStatus?) -> Bool { state.withLock { $0.made[index] == status && status != nil } }

    func next() -> PlannedImage? {
        while true {
            let image = state.wait { state -> PlannedImage?? in
                if state.isOver { return .some(nil) }
                guard let image = state.take() else { return nil }
                return image
            }
            guard let image else { return nil }
            if !isMade(image.index, FileStatus(image.input.path)) { return image }
            state.withLock { _ = $0.inHand.remove(image.index) }
        }
    }

    func finished(_ image: PlannedImage, _ status: FileStatus?) {
        state.withLock { state in
            state.inHand.remove(image.index)
            state.made[image.index] = status
        }
    }

    func end() { state.withLock { $0.isOver = true } }
}
