import PipelineLanguage
import Testing

/// One broken pipeline and what is said of it, as `line:column: message`, then ` => suggestion`.
struct Broken: CustomTestStringConvertible, Sendable {
    var text: String
    var expected: String

    init(_ text: String, _ expected: String) {
        self.text = text
        self.expected = expected
    }

    var testDescription: String { expected }
}

/// A file whose line 3 is the only stage.
private func stage(_ text: String) -> String { "version: 1\nstages:\n  - \(text)\n" }

@Suite struct BrokenPipelineTests {
    static let syntax = [
        Broken("", "1:1: the file is empty: a pipeline begins with 'version: 1'"),
        Broken("# nothing\n", "1:1: the file is empty: a pipeline begins with 'version: 1'"),
        Broken("- invert\n", "1:1: the pipeline must be a mapping with version, description, requires, vars, limits, input, alpha, images, stages, output, outputs, not a list"),
        Broken("version: 1\nstages: [invert\n", "3:1: expected ',' or ']' to go on with the list opened in line 2"),
        Broken("version: 1\ndescription: \"open\nstages: []\n", "2:14: this quote is never closed"),
        Broken("version: 1\ndescription: a: b\n", "2:15: a ':' is not allowed here: quote a text that holds ': ', or check the indentation"),
        Broken("version: 1\nstages:\n\t- invert\n", "3:1: a tab cannot indent: use spaces"),
        Broken("version: 1\ndescription: @home\n", "2:14: a text that begins with '@' must be quoted"),
        Broken("version: 1\ndescription: *home\n", "2:14: the alias '*home' refers to no anchor above it: quote the text if no alias was meant"),
        Broken("version: 1\ndescription: *bold* text\n", "2:14: a text that begins with '*' must be quoted: in YAML '*' marks an alias"),
        Broken("version: 1\nversion: 1\n", "2:1: the key 'version' is written twice in one mapping"),
        Broken(stage("sharpen: {sigma: 1, m2: 2, sigma: 3}"), "3:32: the key 'sigma' is written twice in one mapping"),
        Broken(stage("sharpen: {'sigma': 1, \"sigma\": 3}"), "3:27: the key 'sigma' is written twice in one mapping"),
        Broken("version: 1\nvars: &v {a: 1}\nlimits:\n  <<: *v\n", "4:3: merge keys ('<<') are not part of the pipeline format: write the keys out, or alias a whole mapping"),
        Broken("version: !!int 1\n", "1:16: tags ('!!int') are not part of the pipeline format: leave it out"),
        Broken("version: 1\ndescription: !secret x\n", "2:22: tags ('!secret') are not part of the pipeline format: leave it out"),
        Broken("version: 1\n---\nversion: 1\n", "2:1: a second document begins here: a pipeline file holds one"),
        Broken("version: 1\nvars:\n  ? [a, b]\n  : 1\n", "3:5: a key must be a name, not a list or a mapping"),
        Broken("version: 1\ndescription: a\u{7}b\n", "2:15: the character U+0007 is not allowed in YAML"),
        Broken("version: 1\nvars: &v\n  a: *v\n", "3:6: the alias '*v' stands inside the very node that it refers to"),
        Broken("version: 1\nvars:\n  a: \"\\q\"\n", "3:6: this escape is unknown: write '\\\\' for a backslash, or use single quotes"),
        Broken("version: 1\nstages:\n  - invert\n - copy\n", "4:2: this does not belong to the mapping opened in line 1: check its indentation and quotes"),
    ]

    static let structure = [
        Broken("stages: [invert]\n", "1:1: the pipeline has no 'version': begin it with 'version: 1'"),
        Broken("version: 2\n", "1:10: this release reads version 1 of the pipeline format, not '2'"),
        Broken("version: 1\nstage: []\n", "2:1: the pipeline has no key 'stage'; it has version, description, requires, vars, limits, input, alpha, images, stages, output, outputs => stages"),
        Broken("version: 1\nstages: {invert: }\n", "2:9: 'stages' must be a list: begin each stage with '- ', not a mapping"),
        Broken("version: 1\nstages:\n  - gaussblur: 2\n    whne: prev.width > 3\n", "4:5: a list item holds one stage: 'whne' comes after 'gaussblur'; begin another with '- ' => when"),
        Broken("version: 1\nstages:\n  - as: x\n", "3:5: this list item names no stage, only as"),
        Broken("version: 1\nlimits: {max_pixels: 400m}\n", "2:22: 'max_pixels' must be a size such as 400M, not '400m' => 400M"),
        Broken("version: 1\nlimits: {max_pixels: 4Ki}\n", "2:22: 'max_pixels' must be a size such as 400M, not '4Ki'"),
        Broken("version: 1\nlimits: {timeout: soon}\n", "2:19: 'timeout' must be a time such as 120s or 2m, not 'soon'"),
        Broken("version: 1\nlimits: {max-pixels: 1, max_pixels: 2}\n", "2:25: the key 'max_pixels' is written twice ('-' and '_' are the same)"),
        Broken("version: 1\ninput: {autorot: yes}\n", "2:18: 'autorot' must be true or false, not 'yes' => true"),
        Broken("version: 1\ninput: {pages: 5..2}\n", "2:16: 'pages' must be first, all, a page (from 1) or pages such as 2..5, not '5..2'"),
        Broken("version: 1\ninput: {on_damage: skip}\n", "2:20: 'on_damage' must be one of fail, keep, not 'skip'"),
        Broken("version: 1\nalpha: rew\n", "2:8: 'alpha' must be one of auto, raw, not 'rew' => raw"),
        Broken("version: 1\nvars: {a: {type: integer, default: 3}}\n", "2:18: 'type' must be one of int, double, bool, string, not 'integer' => int"),
        Broken("version: 1\nvars: {a: {type: int, default: 3, max: 2}}\n", "2:32: the default of 'a' must be at most 2, not 3"),
        Broken("version: 1\nvars: {a: {type: int, default: 1_000}}\n", "2:32: the default of 'a' must be an integer, not '1_000' => 1000"),
        Broken("version: 1\nvars: {prev: 1}\n", "2:8: 'prev' has a meaning of its own and cannot name a variable"),
        Broken("version: 1\nvars: {my-var: 1}\n", "2:8: 'my-var' cannot name a variable: use letters, digits and '_', a letter first => my_var"),
        Broken("version: 1\nrequires: {vips: new}\n", "2:18: 'vips' must be a version such as \">=8.14\" or \">=1.2, <2\", not 'new'"),
        Broken("version: 1\nimages: {input: a.png}\n", "2:10: 'input' has a meaning of its own and cannot name an image"),
        Broken("version: 1\nimages: {logo: {fil: a.png}}\n", "2:10: the image 'logo' has no 'file'\n2:17: the image 'logo' has no key 'fil'; it has file, options, stages => file"),
        Broken("version: 1\nstages:\n  - copy: {}\n    as: a\n  - copy: {}\n    as: a\n", "6:9: the name 'a' is taken: an image has it in line 4"),
        Broken("version: 1\noutput: a.png\noutputs: [b.png]\n", "3:1: a pipeline has 'output' or 'outputs', not both"),
        Broken("version: 1\noutputs: []\n", "2:10: 'outputs' must be a list with at least one output; a single one is written 'output:'"),
        Broken("version: 1\noutputs: [\"{stem}.png\", \"{dir}/{stem}.png\"]\n", "2:25: this output would write the same file as the one in line 2"),
        Broken("version: 1\noutput: {file: a.png, metadata: drop}\n", "2:33: 'metadata' must be keep, strip or a list of exif, gps, xmp, iptc, icc, other, not 'drop'"),
        Broken("version: 1\noutput: {file: a.png, metadata: exif}\n", "2:33: 'metadata' must be keep, strip or a list of exif, gps, xmp, iptc, icc, other, not 'exif' => [exif]"),
        Broken("version: 1\noutput: {file: a.png, metadata: [exif, icm]}\n", "2:40: a kind of metadata must be one of exif, gps, xmp, iptc, icc, other, not 'icm' => icc"),
        Broken("version: 1\noutput: {file: a.png, metadata: [gps, icc]}\n", "2:33: 'gps' keeps nothing by itself: the place lies in exif, xmp and iptc; name those that are to keep it, as in [exif, gps]"),
        Broken("version: 1\ninput: {width: 0}\n", "2:16: 'width' must be more than 0"),
    ]

    static let templates = [
        Broken("version: 1\noutput: \"{setm}.jpg\"\n", "2:11: 'setm' is not a field of an output name; the fields are stem, name, ext, dir, index, page => stem"),
        Broken("version: 1\noutput: ../{stem}.jpg\n", "2:9: '../{stem}.jpg' leaves the output directory: '..' is not allowed in an output name"),
        Broken("version: 1\noutput: /tmp/{stem}.jpg\n", "2:9: an output name is relative to the output directory; '/tmp/{stem}.jpg' begins with '/'"),
        Broken("version: 1\noutput: \"{stem.jpg\"\n", "2:10: this '{' is never closed with '}'"),
        Broken("version: 1\noutput: \"stem}.jpg\"\n", "2:14: this '}' closes nothing: a plain brace is written '}}'"),
        Broken("version: 1\noutput: \"{stem}.jgp\"\n", "2:9: no saver writes files that end in '.jgp' => .jpg"),
        Broken("version: 1\noutput: {file: \"{stem}.jpg\", options: {q: 200}}\n", "2:40: 'jpegsave' has no option 'q'; it has Q, optimize_coding, background => Q"),
        Broken("version: 1\noutput: {file: \"{stem}.jpg\", options: {Q: 200}}\n", "2:43: 'Q' must be between 1 and 100, not 200"),
        Broken("version: 1\noutput: {options: {losless: true}}\n", "2:20: no saver has an option 'losless' => lossless"),
        Broken("version: 1\ninput: {options: {shrnk: 2}}\n", "2:19: no loader has an option 'shrnk' => shrink"),
        Broken("version: 1\noutput: {from: mastr, file: a.png}\n", "2:16: there is no image 'mastr'"),
    ]

    static let stages = [
        Broken(stage("gausblur: 2"), "3:5: there is no stage 'gausblur': 'aquatint stages' lists them => gaussblur"),
        Broken(stage("acme.grian: {}"), "3:5: no plug-in provides the stage 'acme.grian': install it, or add its folder with --plugin-path => acme.grain"),
        Broken(stage("soften"), "3:5: the stage 'soften' is claimed by acme and other: take one of them off the plug-in path"),
        Broken(stage("jpegsave: {Q: 3}"), "3:5: 'jpegsave' writes files and is no stage: name the file in 'output', its options in 'options'"),
        Broken(stage("jpegload: a.jpg"), "3:5: 'jpegload' reads files and is no stage: name a second image in 'images', options in 'options'"),
        Broken(stage("gaussblur"), "3:5: 'gaussblur' needs 'sigma' (a number)"),
        Broken(stage("gaussblur: {sigma: -1}"), "3:24: 'sigma' must be between 0 and 1000, not -1"),
        Broken(stage("gaussblur: wide"), "3:16: 'sigma' must be a number, not 'wide'"),
        Broken(stage("gaussblur: {sigma: 2, sgima: 3}"), "3:27: 'gaussblur' has no argument 'sgima'; it has in, sigma, min_ampl, precision => sigma"),
        Broken(stage("gaussblur: {sigma: 2, min-ampl: 0.5, min_ampl: 0.6}"), "3:42: 'min_ampl' is given twice ('-' and '_' are the same)"),
        Broken(stage("gaussblur: {sigma: 2, precision: flaot}"), "3:38: 'precision' must be one of integer, float, approximate, not 'flaot' => float"),
        Broken(stage("linear: 2"), "3:13: 'linear' has 2 required arguments: give them by name: a, b"),
        Broken(stage("sharpen: 2"), "3:14: 'sharpen' has no required argument: give its arguments by name, as {sigma: ...}"),
        Broken(stage("invert: 2"), "3:13: 'invert' has no required argument: give its arguments by name, as {in: ...}"),
        Broken(stage("linear: {a: 1}"), "3:5: 'linear' needs 'b' (a list of numbers)"),
        Broken(stage("ifthenelse: {cond: prev, in1: 255}"), "3:5: 'ifthenelse' needs 'in2' (an image)"),
        Broken(stage("ifthenelse: {cond: prev, in1: inptu, in2: 0}"), "3:35: there is no image 'inptu' => input"),
        Broken(stage("ifthenelse: {in1: 0, in2: 0, blend: on}"), "3:41: 'blend' must be true or false, not 'on' => true"),
        Broken(stage("thumbnail_image: 1_000"), "3:22: 'width' must be an integer, not '1_000' => 1000"),
        Broken(stage("thumbnail_image: 0x10"), "3:22: 'width' must be an integer, not '0x10' => 16"),
        Broken(stage("thumbnail_image: 16:9"), "3:22: 'width' must be an integer, not '16:9'"),
        Broken(stage("thumbnail_image: 99999999999999999999"), "3:22: 'width' must be an integer that fits in 64 bits, not '99999999999999999999'"),
        Broken(stage("thumbnail_image: [1, 2]"), "3:22: 'width' must be an integer, not a list"),
        Broken(stage("thumbnail_image: {width: }"), "3:30: 'width' has no value"),
        Broken(stage("affine: [1, 0, 0]"), "3:13: 'matrix' must have 4 items, not 3"),
        Broken(stage("affine: [1, 0, x, 1]"), "3:20: 'matrix' must be a number, not 'x'"),
        Broken(stage("conv: {mask: [[1, 2], [3]]}"), "3:27: this row of the matrix 'mask' has 1 numbers; the rows before have 2"),
        Broken(stage("conv: {mask: {matrix: [[1]], scael: 2}}"), "3:34: a matrix has no key 'scael'; it has matrix, scale, offset => scale"),
        Broken(stage("conv: {mask: {matrix: [[1]], scale: 0}}"), "3:18: the scale of the matrix 'mask' must not be 0"),
        Broken(stage("bandjoin: {in: []}"), "3:20: 'in' must be a list of images, not an empty one"),
        Broken(stage("acme.grain: {tint: \"#ff80\"}"), "3:24: 'tint' must be a list of numbers or a colour such as '#ff8000', not '#ff80'"),
        Broken(stage("acme.grain: {marks: dust|hari}"), "3:25: 'marks' must be one of dust, hair, edge-burn, not 'hari' => hair"),
        Broken(stage("acme.grain: {buffer: 5Q}"), "3:26: 'buffer' must be a size such as 512M or 2GiB, not '5Q'"),
        Broken("version: 1\nstages:\n  - avg: {}\n    set: {mean: m}\n", "4:11: 'avg' has no output 'mean' to set; it has out"),
        Broken("version: 1\nstages:\n  - invert:\n    set: {out: m}\n", "4:11: 'invert' has no output 'out' to set; it yields only an image"),
        Broken("version: 1\nstages:\n  - black: {width: 3, height: 3}\n    in: input\n", "4:9: 'black' reads no image, so 'in' has no meaning"),
        Broken("version: 1\nstages:\n  - invert: {in: prev}\n    in: input\n", "4:9: 'in' and the argument 'in' both say which image 'invert' runs on: leave one out"),
        Broken("version: 1\nstages:\n  - invert:\n    in: master\n  - copy:\n    as: master\n", "4:9: the image 'master' is named only later, in line 6"),
        Broken("version: 1\nimages: {a: {file: a.png, stages: [bandjoin: {in: [prev, input]}]}}\nstages: [bandjoin: {in: [prev, a]}]\n", "2:58: there is no 'input' here: the stages of 'images' run once, before any input"),
        Broken("version: 1\nrequires: {plugins: {acme.blur: \">=1\"}}\n", "2:22: the pipeline needs the plug-in 'acme.blur' >=1, which is not installed"),
        Broken("version: 1\nrequires: {vips: \">=9\", plugins: {acme: \">=2\"}}\n", "2:18: the pipeline needs libvips >=9; this is 8.14.1\n2:35: the pipeline needs the plug-in 'acme' >=2; this is 1.3.0"),
    ]

    static let expressions = [
        Broken(stage("gaussblur: ${sigma}"), "3:18: there is no variable 'sigma'"),
        Broken("version: 1\nvars: {sigma: 2}\nstages:\n  - gaussblur: ${sgima * 2}\n", "4:18: there is no variable 'sgima' => sigma"),
        Broken(stage("gaussblur: ${2 +}"), "3:21: expected a value, not the end"),
        Broken(stage("gaussblur: ${2 3}"), "3:20: expected an operator, not 3"),
        Broken(stage("gaussblur: ${(2}"), "3:20: expected ')', not the end"),
        Broken(stage("gaussblur: ${2"), "3:16: this '${' is never closed with '}'"),
        Broken(stage("gaussblur: ${1 / 0}"), "3:20: division by zero"),
        Broken(stage("thumbnail_image: ${9223372036854775807 + 1}"), "3:44: the result does not fit in 64 bits"),
        Broken(stage("thumbnail_image: ${5 / 2}"), "3:22: 'width' must be an integer, not 2.5: use round(...)"),
        Broken(stage("thumbnail_image: ${prev.widht}"), "3:29: 'widht' is not a fact of an image; the facts are width, height, bands, pages, format, interpretation => width"),
        Broken(stage("thumbnail_image: ${prev}"), "3:24: 'prev' is an image: write a fact of it, such as prev.width => prev.width"),
        Broken(stage("thumbnail_image: ${mask.width}"), "3:24: there is no image 'mask'"),
        Broken(stage("thumbnail_image: ${roud(3)}"), "3:24: there is no function 'roud'; there are min, max and round => round"),
        Broken(stage("thumbnail_image: ${max(3)}"), "3:24: max takes two numbers or more, not 1"),
        Broken(stage("thumbnail_image: ${3 & 4}"), "3:26: '&' has no meaning in an expression"),
        Broken(stage("thumbnail_image: ${1 < 2 < 3}"), "3:30: comparisons do not chain: join two with 'and'"),
        Broken("version: 1\nstages:\n  - invert:\n    when: prev.width = 3\n", "4:22: '=' is not an operator => =="),
        Broken("version: 1\nstages:\n  - invert:\n    when: 3 + 4\n", "4:11: 'when' must be true or false, not 7"),
        Broken("version: 1\nstages:\n  - thumbnail_image: ${w}\n  - find_trim: {}\n    set: {width: w}\n", "3:24: the variable 'w' is set only later, in line 5"),
        Broken("version: 1\nvars: {w: 3}\nstages:\n  - find_trim: {}\n    set: {width: w}\n", "5:18: the variable 'w' is declared in line 2: a stage cannot set it"),
        Broken(stage("acme.grain: {amount: \"${'a' + 1}\"}"), "3:33: '+' takes numbers, not the text 'a'"),
        Broken(stage("thumbnail_image: {width: 3, size: \"${'bath'}\"}"), "3:39: 'size' must be one of both, up, down, force, not 'bath' => both"),
    ]

    @Test("a broken pipeline gets its diagnostics at line and column",
          arguments: [syntax, structure, templates, stages, expressions].flatMap(\.self))
    func diagnostics(_ broken: Broken) {
        let said = check(broken.text).map { diagnostic in
            (diagnostic.mark.map { "\($0.line):\($0.column): " } ?? "") + diagnostic.message + (diagnostic.suggestion.map { " => \($0)" } ?? "")
        }
        #expect(said.joined(separator: "\n") == broken.expected)
    }

    @Test func `a diagnostic shows file, line, caret and suggestion`() {
        #expect(rendered("version: 1\nstages:\n  - gausblur: 2.5\n") == """
            p.yaml:3:5: error: there is no stage 'gausblur': 'aquatint stages' lists them
              - gausblur: 2.5
                ^
             did you mean 'gaussblur'?
            """)
    }

    @Test func `columns count code points, also after wide letters and combining marks`() {
        #expect(rendered("version: 1\nvars: {größe: 3}\nstages:\n  - sharpen: {m2: \"日本e\u{301}🏞 ${grösse}\"}\n") == """
            p.yaml:4:28: error: there is no variable 'grösse'
              - sharpen: {m2: "日本e\u{301}🏞 ${grösse}"}
                                       ^
             did you mean 'größe'?
            """)
    }

    @Test func `the caret line keeps tabs`() {
        #expect(rendered("version: 1\nlimits: {\t\ttimeout: x}\n") == """
            p.yaml:2:21: error: 'timeout' must be a time such as 120s or 2m, not 'x'
            limits: {\t\ttimeout: x}
                     \t\t         ^
            """)
    }

    @Test func `a column inside quotes counts escapes as written`() {
        #expect(rendered(#"""
            version: 1
            stages:
              - sharpen: {m2: "\u0041\t${x}", sigma: '''${y}'}
            """#) == #"""
            p.yaml:3:30: error: there is no variable 'x'
              - sharpen: {m2: "\u0041\t${x}", sigma: '''${y}'}
                                         ^
            p.yaml:3:47: error: there is no variable 'y'
              - sharpen: {m2: "\u0041\t${x}", sigma: '''${y}'}
                                                          ^
            """#)
    }

    @Test func `a column is found in folded, literal and multi-line text`() {
        let text = """
            version: 1
            stages:
              - acme.script: >-
                  first
                  ${folded}
              - acme.script: |
                  first

                    ${literal}
              - acme.script: "first

                  second ${quoted}"
            """
        #expect(check(text).map { "\($0.mark?.line ?? 0):\($0.mark?.column ?? 0) \($0.message)" } == [
            "5:9 there is no variable 'folded'",
            "9:11 there is no variable 'literal'",
            "12:16 there is no variable 'quoted'",
        ])
    }

    @Test func `one pass finds everything that is wrong`() {
        let text = """
            version: 1
            vars: {quality: 182}
            stages:
              - gausblur: 2
              - sharpen: {sigma: 90, m3: 2}
                when: prev.widht > 3
              - ifthenelse: {cond: prev, in1: nobody, in2: 0}
            output: {file: "{stem}.jpg", options: {Q: "${quality}"}}
            """
        // The bad expression is syntax: it is told first, alone with what else reading finds.
        #expect(check(text).map { $0.mark?.line } == [6])
        let second = text.split(separator: "\n").map(String.init).map { $0.contains("widht") ? "    when: prev.width > 3" : $0 }.joined(separator: "\n")
        #expect(check(second).map { $0.mark?.line } == [4, 5, 5, 7, 8])
        #expect(Diagnostics(check(second)).exitStatus == 65)
    }

    @Test func `an absent plug-in alone exits with 69`() {
        #expect(Diagnostics(check(stage("nobody.stage: {}"))).exitStatus == 69)
        #expect(Diagnostics(check(stage("nobody: {}"))).exitStatus == 65)
        #expect(Diagnostics(check("version: 1\n", set: ["x": "1"])).exitStatus == 64)
    }

    @Test func `an unused image is a warning`() {
        let found = check("version: 1\nimages: {logo: a.png}\n")
        #expect(found.map(\.severity) == [.warning])
        #expect(found.map(\.message) == ["the image 'logo' is never used"])
        #expect(Diagnostics(found).exitStatus == 0)
    }

    @Test func `diagnostics as JSON have the agreed fields`() {
        let json = Diagnostics(check("version: 1\nstages: [gausblur: 2]\n")).json(file: "p.yaml").text()
        #expect(json == #"{"v":1,"file":"p.yaml","diagnostics":[{"line":2,"column":10,"severity":"error","code":"unknownStage","message":"there is no stage 'gausblur': 'aquatint stages' lists them","suggestion":"gaussblur"}]}"#)
    }
}
