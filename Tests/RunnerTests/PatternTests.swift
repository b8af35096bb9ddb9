import Testing

@testable import Runner

@Suite struct GlobPatternTests {
    @Test(arguments: [
        ("*.jpg", "a.jpg", true), ("*.jpg", "deep/er/a.jpg", true), ("*.jpg", "a.jpeg", false), ("a?c", "abc", true), ("a?c", "ac", false),
        ("a/*.jpg", "a/b.jpg", true), ("a/*.jpg", "a/b/c.jpg", false), ("a/*.jpg", "x/a/b.jpg", false), ("/b.jpg", "b.jpg", true), ("/b.jpg", "a/b.jpg", false),
        ("a/**", "a/b/c.jpg", true), ("a/**", "b/a/c.jpg", false), ("**/x/*.png", "x/1.png", true), ("**/x/*.png", "a/b/x/1.png", true),
        ("**/x/*.png", "a/bx/1.png", false), ("a/**/z.png", "a/z.png", true), ("a/**/z.png", "a/b/c/z.png", true), ("a/**/z.png", "a/bz.png", false),
        ("img[0-9].png", "img7.png", true), ("img[!0-9].png", "img7.png", false), ("img[^a]", "imgb", true), ("[]]", "]", true), ("[a-", "[a-", true),
        ("a\\*b", "a*b", true), ("a\\*b", "axb", false), ("*", "", true), ("", "", true), ("é*", "été", true), ("é*", "tété", false), ("?té", "été", true), ("[é]té", "été", true),
        ("x/[a/]b", "x//b", false), ("*", "a/b", true), ("./*", "a", false),
    ])
    func `patterns match as the shell's do`(_ pattern: String, _ path: String, _ expected: Bool) {
        #expect(GlobPattern(pattern).matches(path) == expected)
    }

    @Test func `a hostile pattern ends at once`() {
        let subject = String(repeating: "a", count: 400)
        #expect(!GlobPattern(String(repeating: "*a", count: 60) + "b").matches(subject))
        #expect(!GlobPattern("/" + String(repeating: "**/", count: 40) + "b").matches(Array(repeating: "a", count: 80).joined(separator: "/")))
    }
}

@Suite struct NaturalOrderTests {
    @Test func `numbers in names count as numbers`() {
        let sorted = ["a", "a/b", "a-b", "a1", "a2", "a02", "a10", "a10b", "a99999999999999999999998", "a99999999999999999999999", "b", "é"]
        // '/' before everything: a folder's own files stay together.
        let expected = ["a", "a/b", "a-b", "a1", "a02", "a2", "a10", "a10b", "a99999999999999999999998", "a99999999999999999999999", "b", "é"]
        #expect(Set(sorted) == Set(expected))
        #expect(sorted.shuffled().sorted(by: NaturalOrder.precedes) == expected)
    }

    @Test func `the order is strict and total`() {
        let names = ["1", "01", "001", "1a", "01a", "a1", "a01", "a1b01", "a01b1", "", "0", "00", "a", "A", "a/", "a/1", "a1/"]
        for x in names {
            #expect(!NaturalOrder.precedes(x, x))
            for y in names where x != y {
                #expect(NaturalOrder.precedes(x, y) != NaturalOrder.precedes(y, x), "\(x) \(y)")
                for z in names where NaturalOrder.precedes(x, y) && NaturalOrder.precedes(y, z) { #expect(NaturalOrder.precedes(x, z), "\(x) \(y) \(z)") }
            }
        }
    }
}
