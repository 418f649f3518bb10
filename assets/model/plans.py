"""Synthetic queries and plans: first-person planning thoughts around a passage's key terms.

A sentence template has one `{}` for each term it takes. Templates are many and varied so
that what a plan says, not how it is phrased, is what helps to predict the passage.
"""

from __future__ import annotations

import random

from corpus import CHINESE, ENGLISH

# --- English ---------------------------------------------------------------------------

OPEN_EN = """Okay, I want to open with {}.
Let me think about where this begins. Probably {}.
So the first thing on the page is {}.
I think I start with {}, and then {} close behind.
Hmm, how do I get into this? {}, maybe.
The opening needs something to hold on to: {}.
Let me start with {}; it sets the tone.
First, {}. I can see that already.
I'd like to begin in the middle of things, with {}.
What does the reader see first? {}, I think, and {}.
Right, so this is about {} and {}.
Before anything else I need {} on the page.
Okay. {} first, {} right after.
I keep coming back to {}. That is my way in.
The request is clear enough, so where do I stand? Near {}.
Let me picture it: {}, {}, and somewhere {}.
Open on {}. Keep it plain.
I start from {} and let {} come in by itself.
To begin with, {}; then I bring in {}.
Let me settle the first lines: {}.""".split("\n")

STEP_EN = """Then {}.
Next comes {}, and after that {}.
After that I bring in {}.
From there I move to {}, then {}.
Now {} should enter, with {} not far off.
I let {} lead to {}.
Then there is {}, which I don't want to rush.
I want {} here, because it carries the moment.
There should be something about {} and {}.
Here {} matters more than {}.
I can use {} to turn toward {}.
Somewhere in this part I mention {}.
I'd follow it with {}, {}, and {}.
The mood shifts with {}.
A detail: {}. Another one: {}.
Let {} happen quickly, then slow down for {}.
I need to show {}, not just name it.
Keep {} in view while {} goes on.
This is where {} comes up.
I'm thinking {} and then {}, in that order.
Bring back {} for a second, then {}.
It makes sense that {} follows.
So {} leads into {}, and that gives me {}.
I'll put {} beside {}.
The middle belongs to {}.
I describe {} closely, down to {}.
Someone has to speak here; {} could be in it.
{} next. Then {}. Then {}.
A short beat with {}.
I go on to {} and stay with it for a while.
With {} in place, {} feels natural.
Also {}.
And {}, of course.
I want the reader to feel {} before {}.
What follows is {}, with {} underneath.
I should give {} a sentence of its own.
The voice turns to {} now.
Past {}, we get to {}.
I want to say {} in so many words.
There's {} to deal with, and {} too.
Let me add {}; it makes {} believable.
Since {} is there, {} can answer it.""".split("\n")

ASK_EN = """Maybe {} should come here? Yes, before {}.
Wait, what about {}? It has to come in before I go on.
Should {} be said outright? I think so.
Hmm, is {} too much? No, I keep it.
What would come naturally after this? {}, I suppose.
Do I need {}? Probably, otherwise {} hangs in the air.
Or should I go straight to {}? Let me try that.
Wait, I haven't used {} yet. It belongs here, with {}.
How would this look up close? {}. And {}.
Is it {} or {}? Both, in that order.
Hmm, let me think. {} could do it.
Could {} carry this part? With {}, yes.
Actually, no: {} first, and only then {}.
Why {}? Because {} needs a reason.
What is missing? {}, and a touch of {}.
Let me check: have I got {} in? I want it here.
Maybe the {} part comes now, then {}.
But would {} fit? I believe it does.""".split("\n")

FILL_EN = """I don't want to hurry this.
The tone should stay even.
Is that too obvious? Perhaps not.
Let me keep the sentences simple.
I should stay close to what is seen and heard.
That feels right.
Hmm, let me think about the pace here.
Good, that gives the paragraph its shape.
I can be more concrete than that.
It should sound like someone who was there.
No explanation, just the thing itself.
Okay, what then?
I want a turn somewhere around here.
Let me see how it goes on.
Not too sentimental.
It needs some movement now.""".split("\n")

END_EN = """I end on {}.
And I close with {}, quietly.
The last thing is {}; nothing after that.
For the ending, {} and then {}.
How do I finish? With {}, I think.
Let it stop at {}.
The last line should leave us with {}.
Finally {}, and I leave it there.
I'd like to end with {} rather than explain it.
To finish: {}.""".split("\n")

QUERY_EN = """Write a story about {}.
Write a short story about {}.
Write a story with {} and {} in it.
Tell a story in which {} matters.
Write a scene with {}.
Write a scene from a novel about {} and {}.
Write a letter about {}.
Write a letter that mentions {} and {}.
Explain {}.
Explain {} and {} to a general reader.
Write an essay on {}.
Write a short essay about {} and {}.
Describe {}.
Describe {}, {} and {}.
Write a passage about {}.
Write a few paragraphs about {} and {}.
Continue the story: {}, {}, {}.
I need a piece of prose about {}.
Please write about {}.
Can you write something about {} and {}?
Write a dialogue about {}.
Write a conversation in which someone speaks of {}.
Write the opening of a chapter about {}.
Keywords: {}, {}, {}
{}, {}
Write a memory of {}.
Write a page from a diary about {}.
Write a story.
Write a scene from a novel.
Write a short passage of literary prose.
Write an essay.
Write a letter to a friend.
Write a dialogue between two people.
Describe a place.
Tell me about a person.
Continue.""".split("\n")

# --- Chinese ---------------------------------------------------------------------------

OPEN_ZH = """好，我想先从{}写起。
开头写什么呢？先写{}吧。
让我想一想，第一句应该落在{}上。
先交代{}，再说{}。
我打算用{}开场。
这一篇讲的是{}，还有{}。
嗯，怎么进入呢？也许从{}开始。
首先是{}，这样调子就定了。
先让读者看见{}和{}。
我脑子里先有的是{}。
起笔要稳，写{}。
第一步：{}。""".split("\n")

STEP_ZH = """接着写{}。
然后是{}，再后面是{}。
这里要提到{}。
由{}引到{}。
再写一写{}，不要太急。
下面轮到{}出场。
把{}和{}放在一起写。
中间这一段归{}。
{}之后就是{}。
我要让{}显得自然，所以先有{}。
说到{}，顺便带出{}。
还有{}。
这一处写细一点：{}、{}、{}。
让{}慢下来，再转到{}。
接下来，{}，{}。
语气一转，写{}。
有人开口说话，话里有{}。
再补上{}，{}才立得住。
从{}走到{}，一步就够了。
这时{}该出现了。""".split("\n")

ASK_ZH = """要不要写{}？要，放在{}前面。
等一下，{}还没有写，应该放在这里。
是不是该直接说{}？我看可以。
接下来自然会是什么？大概是{}。
{}会不会太多？不会，留着。
为什么是{}？因为后面有{}。
还缺什么呢？缺{}。
或者先写{}，再写{}？就这样。
嗯，再想想，{}放在这里合适。""".split("\n")

FILL_ZH = """句子要短一些。
不必解释，写出来就好。
这样是不是太直白？还好。
语气要平。
让我想想节奏。
这里可以停一停。
好，往下走。
别太急。""".split("\n")

END_ZH = """最后落在{}上。
结尾写{}，就停在那里。
收尾用{}，不多说。
怎么结束呢？用{}吧。
末了是{}和{}。
最后一句留给{}。""".split("\n")

QUERY_ZH = """写一个关于{}的故事。
写一篇短文，谈谈{}。
写一篇关于{}和{}的杂文。
写一封信，说到{}。
请描写{}。
解释一下{}。
以{}为题写一段文字。
写一段对话，提到{}和{}。
写一段小说，里面有{}、{}。
关键词：{}、{}、{}
续写：{}，{}。
谈谈{}。
写一篇随笔，内容有关{}。
写一段文字。
写一个故事。
写一篇杂文。
写一段古典小说。""".split("\n")

TEMPLATES = {
    ENGLISH: {"open": OPEN_EN, "step": STEP_EN, "ask": ASK_EN, "fill": FILL_EN, "end": END_EN, "query": QUERY_EN},
    CHINESE: {"open": OPEN_ZH, "step": STEP_ZH, "ask": ASK_ZH, "fill": FILL_ZH, "end": END_ZH, "query": QUERY_ZH},
}
ASK_WORDS = {ENGLISH: ("Hmm, ", "Okay, ", "Wait, ", "So, ", "Right, ", ""), CHINESE: ("嗯，", "好，", "等等，", "那么，", "")}


def _fill(template: str, terms: list[str], quoted: bool, language: str) -> str:
    """The template with its terms set in, capitalised where a term begins the sentence."""
    if quoted:
        marks = "“{}”" if language == CHINESE else '"{}"'
        terms = [marks.replace("{}", term) for term in terms]
    text = template
    for term in terms:
        text = text.replace("{}", term, 1)
    return text[0].upper() + text[1:]


def query(terms: list[str], language: str, rng: random.Random) -> str:
    """A request the passage could answer, naming up to three of the terms."""
    choices = [text for text in TEMPLATES[language]["query"] if text.count("{}") <= len(terms)]
    template = rng.choice(choices)
    return _fill(template, rng.sample(terms, template.count("{}")), rng.random() < 0.1, language)


def _take(kind: str, language: str, left: int, rng: random.Random) -> str:
    """A template of a kind that needs at most `left` terms."""
    return rng.choice([text for text in TEMPLATES[language][kind] if text.count("{}") <= left])


def musing(terms: list[str], language: str, rng: random.Random) -> list[str]:
    """A plan in connected sentences with some self-questioning, two to eight segments."""
    sentences: list[str] = []
    rest = list(terms)
    asking, filling = rng.uniform(0.05, 0.45), rng.uniform(0.0, 0.25)
    quoting = rng.choice([0.0, 0.0, 0.1, 0.5])
    leading = rng.uniform(0.0, 0.3)

    def say(kind: str) -> None:
        template = _take(kind, language, len(rest), rng)
        take = template.count("{}")
        text = _fill(template, rest[:take], rng.random() < quoting, language)
        del rest[:take]
        if kind == "step" and rng.random() < leading:
            word = rng.choice(ASK_WORDS[language])
            text = word + (text[0].lower() + text[1:] if word and text.startswith(("The", "A ")) else text)
        sentences.append(text)

    if rng.random() < 0.85:
        say("open")
    while len(rest) > 2:
        if rng.random() < filling:
            sentences.append(rng.choice(TEMPLATES[language]["fill"]))
        say("ask" if rng.random() < asking else "step")
    if rest:
        say("end" if rng.random() < 0.8 else "step")
    while rest:
        say("step")
    number = max(1, min(8, rng.randint(2, 8), len(sentences)))
    cuts = sorted(rng.sample(range(1, len(sentences)), number - 1)) if number > 1 else []
    gap = "" if language == CHINESE else " "
    return [gap.join(sentences[a:b]) for a, b in zip([0, *cuts], [*cuts, len(sentences)])]


def listing(terms: list[str], language: str, rng: random.Random) -> list[str]:
    """A plan as a list, an outline, or terse notes."""
    style = rng.randrange(5)
    comma = "，" if language == CHINESE else ", "
    if style == 0:
        return ["\n".join(f"- {term}" for term in terms)]
    if style == 1:
        return [f"{number}. {term}" for number, term in enumerate(terms, 1)]
    size = rng.randint(2, 5)
    groups = [terms[start : start + size] for start in range(0, len(terms), size)]
    if style == 2:
        return [comma.join(group) + ("。" if language == CHINESE else ".") for group in groups]
    if style == 3:
        joiner = "，然后" if language == CHINESE else rng.choice([", then ", " -> ", "; ", " / "])
        return [joiner.join(group) for group in groups]
    names = ("开头", "其次", "然后", "最后") if language == CHINESE else ("Opening", "Then", "After that", "Close")
    mark = "：" if language == CHINESE else ": "
    return [
        f"{names[0] if not i else names[3] if i == len(groups) - 1 else rng.choice(names[1:3])}{mark}{comma.join(group)}"
        for i, group in enumerate(groups)
    ]


def plan(terms: list[str], language: str, rng: random.Random) -> list[str]:
    """A plan around the terms in their order, in one of the styles."""
    if not terms:
        return [rng.choice(TEMPLATES[language]["fill"])]
    return musing(terms, language, rng) if rng.random() < 0.78 else listing(terms, language, rng)
