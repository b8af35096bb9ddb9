internal import PipelineLanguage
internal import StageHost
internal import Vips

/// The images that stages can name while one input is worked on, and the variables that stages have set.
struct ImageScope {
    /// An image and what the host needs to know of how it came to be.
    struct Entry {
        var image: Image
        /// Whether computing its pixels twice would run a plug-in's stage twice.
        var isExpensive = false
    }

    var previous: Entry
    let input: Entry
    private(set) var named: [String: Entry]
    var environment: Environment
    /// The band format that the pipeline's last `cast` asked for: it decides the depth of the file.
    var castFormat: BandFormat?

    init(input: Image, facts: ImageFacts, shared: [String: Image], variables: [String: Value]) {
        self.input = Entry(image: input)
        previous = self.input
        named = shared.mapValues { Entry(image: $0) }
        environment = Environment(variables: variables, facts: shared.mapValues(ImageFacts.init))
        environment.facts["input"] = facts
        environment.facts["prev"] = facts
    }

    /// `previous` becomes the result of a stage.
    mutating func advance(to entry: Entry, named name: String?) {
        previous = entry
        environment.facts["prev"] = ImageFacts(entry.image)
        guard let name else { return }
        named[Self.canonical(name)] = entry
        environment.facts[Self.canonical(name)] = ImageFacts(entry.image)
    }

    /// The same pixels in another form, wherever they are known under a name.
    mutating func replace(_ old: Entry, with new: Entry) {
        if previous.image === old.image { previous = new }
        for (name, entry) in named where entry.image === old.image { named[name] = new }
    }

    func entry(named name: String) -> Entry? {
        switch name {
        case "prev": previous
        case "input": input
        default: named[Self.canonical(name)]
        }
    }

    static func canonical(_ name: String) -> String { name.replacing("-", with: "_") }
}

extension ImageFacts {
    init(_ image: Image) {
        self.init(width: image.width, height: image.pageCount > 1 ? image.pageHeight : image.height, bands: image.settledBands,
                  pages: image.pageCount, format: image.format.rawValue, interpretation: image.interpretation.rawValue)
    }
}
