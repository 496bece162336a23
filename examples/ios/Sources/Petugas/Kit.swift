import SwiftUI

/// What is wrong, or what to look at: in a box of its own. All type follows the phone's own size.
struct Notice: View {
    let words: String
    let wrong: Bool

    init(_ words: String, wrong: Bool = true) { (self.words, self.wrong) = (words, wrong) }

    var body: some View {
        Text(words)
            .foregroundStyle(wrong ? Color(red: 0.7, green: 0.15, blue: 0.12) : .primary)
            .frame(maxWidth: .infinity, alignment: .leading)
            .padding(12)
            .background(wrong ? Color.red.opacity(0.1) : Color.yellow.opacity(0.2), in: RoundedRectangle(cornerRadius: 8))
    }
}

/// At least 52 points high: a thumb in the rain hits it.
struct BigButton: View {
    let words: String
    let act: () -> Void

    init(_ words: String, act: @escaping () -> Void) { (self.words, self.act) = (words, act) }

    var body: some View {
        Button(action: act) {
            Text(words).font(.headline).frame(maxWidth: .infinity, minHeight: 44)
        }
        .buttonStyle(.borderedProminent)
        .tint(Color(red: 0, green: 0.34, blue: 0.29))
    }
}
