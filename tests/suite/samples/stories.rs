//! What was done with each sample, in order: the search, and a person who reads, chooses, writes and branches off.

use std::path::Path;

use retrace::session::Verdict;

use super::maker::Maker;

/// The letter: a person's ending, a confession rewritten, and a branch on which the search goes on and comes out ahead.
pub async fn lighthouse_letter(folder: &Path) {
    let mut mara = Maker::sit_down("lighthouse-letter", folder).await;
    mara.search(6).await;
    mara.pass(34);
    mara.mark(mara.after(3), "the hen and the dish").await;
    mara.pass(51);
    mara.take(6, 'a').await;
    mara.pass(9);
    mara.note(Some(mara.head()), "d gives the last lines away. This only says what kind of ending it must be.").await;
    mara.pass(112);
    mara.edit(3, |_| {
        "The lie, and then the witness against it, and the witness is himself. He told Ana that no boat could reach \
         him; she was kind; he has that kindness in pieces. But a keeper writes the weather down twice a day and this \
         one has never cheated. So he opens the book for that week and only reads aloud: the wind a two, the sea \
         slight. Hmm, he is not confessing, he is quoting. Brandt's patience hurts more than any reproach would. Last, \
         the lamp."
            .to_owned()
    })
    .await;
    let mine = mara.head();
    mara.pass(7);
    mara.star(mine).await;
    mara.pass(48);
    mara.fork(mara.after(2), "something he took").await;
    mara.pass(16);
    mara.take(3, 'c').await;
    mara.pass(21);
    mara.search(12).await;
    mara.pass(40);
    mara.mark(mara.after(9), "the dish is back").await;
    mara.pass(17);
    mara.note(
        None,
        "The dish has to be in the plan: step 9 puts it back and pays for the whole branch. My confession on the other \
         line says why the log is the cruellest witness. Look at both before exporting.",
    )
    .await;
    mara.pass(6);
    mara.tag("letter").await;
    mara.pass(2);
    mara.judge(Verdict::Keep, 5).await;
    mara.get_up().await;
}

/// The story: who is aboard at the first weighing, and the fraud that was the wrong story.
pub async fn weighbridge_ticket(folder: &Path) {
    let mut mara = Maker::sit_down("weighbridge-ticket", folder).await;
    mara.search(7).await;
    mara.pass(63);
    mara.mark(mara.after(3), "the bet").await;
    mara.pass(29);
    mara.take(7, 'a').await;
    mara.pass(85);
    mara.edit(3, |text| {
        format!(
            "{text} The rule about the twenties has to be said twice without anyone noticing: once as a joke about the \
             machine, and once, at the end, as mercy."
        )
    })
    .await;
    let mine = mara.head();
    mara.pass(33);
    let asked = mara.propose(2, "tell the bet again, and leave out what anybody feels for the dog").await;
    mara.pass(44);
    mara.refuse(asked[1]).await;
    mara.pass(5);
    mara.note(Some(asked[1]), "The lowest of the four, and it is the text itself.").await;
    mara.pass(12);
    mara.star(mine).await;
    mara.pass(31);
    mara.fork(mara.after(2), "the fraud").await;
    mara.pass(11);
    mara.take(3, 'a').await;
    mara.pass(6);
    mara.note(Some(mara.head()), "The better-written fraud, and still the wrong story: nobody in it wants the dog.")
        .await;
    mara.pass(14);
    mara.go_to(mine, None).await;
    mara.pass(8);
    mara.note(Some(mine), "Plans the dog's weight before anyone needs it.").await;
    mara.pass(3);
    mara.tag("short story").await;
    mara.get_up().await;
}

/// The essay: the paragraph that argues against the one that lists, and a death that was false teeth.
pub async fn on_whistling(folder: &Path) {
    let mut mara = Maker::sit_down("on-whistling", folder).await;
    mara.search(6).await;
    mara.pass(41);
    mara.mark(mara.after(3), "teeth, not death").await;
    mara.pass(38);
    mara.take(5, 'b').await;
    mara.pass(8);
    mara.note(Some(mara.head()), "It gets to being off one's guard by itself. The other one only lists the tram.")
        .await;
    mara.pass(97);
    mara.edit(5, |_| {
        "No conclusion. I go out and do it, and I let the street answer or not. What do I have? Half a melody, from the \
         stairs, and a stretch of pavement that ends at a bakery. The dog is for comedy, the child is for truth. Then I \
         run out of melody where the gas man always did, and I have to stand there with my mouth ready. Hmm. If a reply \
         comes it comes from overhead, and I never learn whose it is."
            .to_owned()
    })
    .await;
    let mine = mara.head();
    mara.pass(26);
    let asked = mara.propose(2, "the grandmother again, drier, and nobody may be sorry").await;
    mara.pass(35);
    mara.refuse(asked[1]).await;
    mara.pass(5);
    mara.accept(asked[2]).await;
    let kept = mara.head();
    mara.pass(22);
    mara.fork(mara.after(2), "there was a death").await;
    mara.pass(18);
    mara.note(Some(mara.head()), "Where the draft meant to go. Touching, and it costs nats in a piece this dry.").await;
    mara.pass(9);
    mara.go_to(kept, None).await;
    mara.pass(3);
    mara.star(mine).await;
    mara.get_up().await;
}

/// The explanation: stopped after the first step because the plan was wrong, mended by hand, and gone on with.
pub async fn scratched_disc(folder: &Path) {
    let mut mara = Maker::sit_down("scratched-disc", folder).await;
    mara.search(1).await;
    mara.pass(74);
    mara.note(Some(mara.after(1)), "Make them ruin the disc first. Yes.").await;
    mara.pass(66);
    mara.edit(1, |_| {
        "Wait, a vote would be wrong here: three copies cost triple and a lump of damage can take two of them. What does \
         a builder know that serves? That two uprights and a board settle the height of everything further along. So my \
         two numbers become uprights, 3 and 5, and the board meets others at 7, 9, 11, which I never chose. Those are \
         the spares, and they are not copies. Any two of the five bring all of it back."
            .to_owned()
    })
    .await;
    mara.pass(4);
    mara.mark(mara.head(), "uprights and a board").await;
    mara.pass(19);
    mara.search(7).await;
    mara.pass(47);
    mara.take(6, 'c').await;
    mara.pass(23);
    mara.edit(5, |_| {
        "It can be beaten, and I say where: two and a half millimetres, five holes to a group. Then it guesses, then it \
         is silent. No summing up. To the sink with them: a scratch from hub to rim takes a crumb from every turn, one \
         along the track takes the whole slice. So wipe outward. Let the last thing be what their hands must not do, and \
         let there be a plate in it."
            .to_owned()
    })
    .await;
    mara.pass(15);
    let asked = mara.propose(4, "the first clerk only: why does owning up help?").await;
    mara.pass(31);
    mara.refuse(asked[1]).await;
    mara.pass(12);
    mara.accept(asked[2]).await;
    let kept = mara.head();
    mara.pass(27);
    mara.fork(mara.after(6), "space probes").await;
    mara.pass(13);
    mara.note(
        Some(mara.head()),
        "The ending of every other plan: it widens the view. Compare what it does to sink, cake, plate.",
    )
    .await;
    mara.pass(7);
    mara.go_to(kept, None).await;
    mara.pass(2);
    mara.tag("explanation").await;
    mara.get_up().await;
}

/// The speech: the thought that finds the joke, and the fighter's speech as a branch.
pub async fn eleven_votes(folder: &Path) {
    let mut mara = Maker::sit_down("eleven-votes", folder).await;
    mara.search(6).await;
    mara.pass(36);
    mara.mark(mara.after(3), "the eleventh vote").await;
    mara.pass(28);
    mara.take(3, 'c').await;
    mara.pass(9);
    mara.note(
        Some(mara.head()),
        "Is one of the lost votes nearer still? That question is the plan. The tally is only the text.",
    )
    .await;
    mara.pass(92);
    mara.edit(3, |_| {
        "Is she angry at him? She would like to be. But he was ill, he is not a fool, and in the booth she thought well \
         of him herself. So she calls Walter out of the crowd by his hat and pays him the only compliment that costs her \
         anything: she hands over the work. Nineteen hundred doors, which he could not walk to with that hip and she \
         could. Hmm, let it sound like an errand she is giving him."
            .to_owned()
    })
    .await;
    mara.pass(57);
    mara.edit(4, |_| {
        "Her notebook, stained, held up in the light; three pages of it and no more. A street that carries water in \
         buckets. Two children on a dark road with a single lamp between them, and the wrong one holding it. A widow who \
         has concluded something from an empty letter box. Each has an address, and each could be mended by Friday. \
         Hmm, so she need not say what she stands for. She says which to do first."
            .to_owned()
    })
    .await;
    let mine = mara.head();
    mara.pass(25);
    let asked = mara.propose(5, "end on the chairs, and nothing uplifting").await;
    mara.pass(30);
    mara.accept(asked[1]).await;
    let kept = mara.head();
    mara.pass(41);
    mara.fork(mara.after(3), "the fighter").await;
    mara.pass(15);
    mara.take(4, 'b').await;
    mara.pass(10);
    mara.note(Some(mara.head()), "Bread rolls. She would win by eleven votes and nobody would like her for it.").await;
    mara.pass(8);
    mara.go_to(kept, None).await;
    mara.pass(2);
    mara.star(mine).await;
    mara.pass(3);
    mara.judge(Verdict::Later, 4).await;
    mara.get_up().await;
}

/// 回南天: the thought that finds the writing on the mirror, and the father who is not ill.
pub async fn huinantian(folder: &Path) {
    let mut mara = Maker::sit_down("huinantian", folder).await;
    mara.search(5).await;
    mara.pass(45);
    mara.mark(mara.after(2), "盐和报纸").await;
    mara.pass(33);
    mara.take(4, 'c').await;
    mara.pass(11);
    mara.note(Some(mara.head()), "b 把事情都排完了；c 才是真正想到的那一下。").await;
    mara.pass(88);
    mara.edit(2, |_| {
        "父亲不生病，他在忙。别人躲着潮气走，他看了半辈子仓库，到了家反而喜欢起它来，说它替人浇花，替人泡茶。要紧的是镜子：\
         蒙白了就是一张便条，他用手指记当天的杂事，末了一件是盐，我的算术也在上面改，错的圈起来。等等，他写过就忘，\
         走了也不回头，这一点得写出来，因为往后替他记着的不是人，是玻璃。"
            .to_owned()
    })
    .await;
    let mine = mara.head();
    mara.pass(29);
    let asked = mara.propose(4, "收尾再短一点，念完就停").await;
    mara.pass(37);
    mara.refuse(asked[0]).await;
    mara.pass(6);
    mara.accept(asked[1]).await;
    let kept = mara.head();
    mara.pass(24);
    mara.fork(mara.after(1), "只说是调料").await;
    mara.pass(12);
    mara.take(2, 'd').await;
    mara.pass(17);
    mara.note(Some(mara.head()), "盐没有先埋下，后面那句“三斤”就没有来处了。").await;
    mara.pass(7);
    mara.go_to(kept, None).await;
    mara.pass(3);
    mara.star(mine).await;
    mara.pass(2);
    mara.judge(Verdict::Keep, 5).await;
    mara.get_up().await;
}
